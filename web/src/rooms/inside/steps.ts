// The steps that were taken, as the address writes them: `3*0.001*10_5*0.01` is ten steps towards 3, then one towards 5.

export interface Step {
  label: number;
  learning_rate: number;
}

export const MOST_STEPS = 200;

export function encodeSteps(steps: readonly Step[]): string | null {
  const runs: { step: Step; count: number }[] = [];
  for (const step of steps) {
    const last = runs.at(-1);
    if (last && last.step.label === step.label && last.step.learning_rate === step.learning_rate) last.count++;
    else runs.push({ step, count: 1 });
  }
  return runs.map(({ step, count }) => `${step.label}*${step.learning_rate}*${count}`).join('_') || null;
}

/** What cannot be read is left out: an address may have been typed. */
export function decodeSteps(text: string | null): Step[] {
  const steps: Step[] = [];
  for (const run of (text ?? '').split('_')) {
    const [label, learning_rate, count = 1] = run.split('*').map(Number);
    const sound = Number.isInteger(label) && label! >= 0 && label! <= 9 && learning_rate! > 0 && learning_rate! <= 100;
    if (!sound || !Number.isInteger(count)) continue;
    for (let n = 0; n < count && steps.length < MOST_STEPS; n++) {
      steps.push({ label: label!, learning_rate: learning_rate! });
    }
  }
  return steps;
}
