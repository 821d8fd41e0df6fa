// Short messages at the edge of the page: what went wrong, and what was done.

export interface Toast {
  id: number;
  text: string;
  kind: 'error' | 'done';
}

const SECONDS = { error: 10, done: 4 };

class Toasts {
  list = $state<Toast[]>([]);
  private next = 0;

  private add(text: string, kind: Toast['kind']): void {
    if (this.list.some((toast) => toast.text === text)) return;
    const id = this.next++;
    this.list = [...this.list.slice(-2), { id, text, kind }];
    setTimeout(() => this.dismiss(id), SECONDS[kind] * 1000);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** Say that something was done. */
  tell(text: string): void {
    this.add(text, 'done');
  }

  /** Say what went wrong. An aborted request is nobody's fault. */
  complain(error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    this.add(error instanceof Error ? error.message : String(error), 'error');
  }
}

export const toasts = new Toasts();
