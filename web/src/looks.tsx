// How an emotion looks: colour and symbol come from the server, the same as in every other view.

import { createContext, type CSSProperties } from "preact";
import { useContext } from "preact/hooks";

import type { Look } from "./protocol";

const UNKNOWN: Look = { symbol: "●", colour: "#6B6B67", on_light: "#565350", on_dark: "#918D88" };

export const Looks = createContext<Record<string, Look>>({});

export function lookOf(looks: Record<string, Look>, emotion: string): Look {
  return looks[emotion] ?? UNKNOWN;
}

/** The colours of an emotion, for the style sheet to choose from. */
export function colours(look: Look): CSSProperties {
  return { "--emotion": look.colour, "--on-light": look.on_light, "--on-dark": look.on_dark } as CSSProperties;
}

/** Symbol and name. */
export function Emotion({ name }: { name: string }) {
  const look = lookOf(useContext(Looks), name);
  return (
    <span class="emotion" style={colours(look)}>
      <span class="symbol" aria-hidden="true">
        {look.symbol}
      </span>
      {name}
    </span>
  );
}
