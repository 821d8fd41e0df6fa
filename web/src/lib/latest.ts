// Questions that come faster than they can be answered: one is under way, and of those that wait only the latest counts.

export class Latest<Question, Answer> {
  private waiting: { question: Question; atOnce: boolean } | null = null;
  private busy = false;
  private endPause: () => void = () => {};

  /**
   * @param ask sends a question
   * @param told is called with each answer, in the order in which the questions were asked
   * @param failed is called in its place where there was none
   * @param pauseAfter for how many milliseconds nothing is asked after an answer that took so many
   */
  constructor(
    private readonly ask: (question: Question) => Promise<Answer>,
    private readonly told: (answer: Answer, question: Question) => void,
    private readonly failed: (error: unknown) => void,
    private readonly pauseAfter: (answer: Answer, took: number) => number = () => 0,
  ) {}

  /** Whether another question waits behind the one under way. */
  get isWaiting(): boolean {
    return this.waiting !== null;
  }

  /** @param atOnce whether it waits for the answer under way only, not for the pause after it */
  put(question: Question, atOnce = true): void {
    this.waiting = { question, atOnce };
    if (atOnce) this.endPause();
    if (!this.busy) void this.work();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.waiting) {
      const { question } = this.waiting;
      this.waiting = null;
      const began = performance.now();
      try {
        const answer = await this.ask(question);
        this.told(answer, question);
        await this.pause(this.pauseAfter(answer, performance.now() - began));
      } catch (error) {
        this.failed(error);
      }
    }
    this.busy = false;
  }

  private async pause(milliseconds: number): Promise<void> {
    if (this.waiting?.atOnce || milliseconds <= 0) return;
    await new Promise<void>((resolve) => {
      this.endPause = resolve;
      setTimeout(resolve, milliseconds);
    });
  }
}
