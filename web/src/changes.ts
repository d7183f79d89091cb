// Who draws what when it changes: at most once a frame, however many events come.

const changed = new Set<Changes>();
let scheduled = false;

export class Changes {
  private readonly listeners = new Set<() => void>();

  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Something changed: listeners are called before the next frame. */
  tell(): void {
    changed.add(this);
    if (!scheduled) {
      scheduled = true;
      requestAnimationFrame(flush);
    }
  }

  /** Call all listeners now. */
  now(): void {
    for (const listener of this.listeners) listener();
  }
}

function flush(): void {
  scheduled = false;
  const all = [...changed];
  changed.clear();
  for (const each of all) each.now();
}
