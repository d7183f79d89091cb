// The page: what is watched, the microphone, and what draws them.

import { render } from "preact";

import { App } from "./app";
import { Microphone } from "./microphone";
import { Streams } from "./streams";
import { Watch } from "./watch";

const streams = new Streams();
const watch = new Watch(streams);
const microphone = new Microphone();

render(<App streams={streams} watch={watch} microphone={microphone} />, document.getElementById("page")!);
