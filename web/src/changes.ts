// Who draws what when it changes: at once, but not again and again while many events come.

const BETWEEN_DRAWINGS_MS = 200;

const changed = new Set<Changes>();
let scheduled = false;
let drawn = -Infinity;

export class Changes {
  private readonly listeners = new Set<() => void>();

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Something changed: listeners are called before the next frame, or a few frames after the last time. */
  tell(): void {
    changed.add(this);
    if (!scheduled) {
      scheduled = true;
      setTimeout(() => requestAnimationFrame(flush), drawn + BETWEEN_DRAWINGS_MS - performance.now());
    }
  }

  /** Call all listeners now. */
  now(): void {
    for (const listener of this.listeners) listener();
  }
}

function flush(): void {
  scheduled = false;
  drawn = performance.now();
  const all = [...changed];
  changed.clear();
  for (const each of all) each.now();
}
