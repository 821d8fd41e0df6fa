// What a gradient and its central difference have to do with each other, in words.

import type { Schemas } from '../../lib/api';

export const VERDICTS: Record<string, { short: string; says: string }> = {
  agrees: { short: '✓ agree', says: 'They agree to six digits or more.' },
  rounding: {
    short: '≈ rounding',
    says: 'The gradient is so small that what is left between the two is the rounding of the loss itself.',
  },
  kink: {
    short: '∧ kink',
    says: 'Between the two points of the difference lies the kink of a ReLU or a change of a largest pixel. There the loss has no single slope, so the two need not agree.',
  },
  differs: { short: '✗ differ', says: 'They do not agree, and no kink explains it: a formula is wrong.' },
};

/** "All agree", or how many of each kind there are. */
export function summaryOf(checks: readonly Schemas['CheckedNumber'][]): string {
  const counts = new Map<string, number>();
  for (const { verdict } of checks) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  if (counts.size === 1 && counts.has('agrees')) return 'All agree';
  const words: Record<string, string> = {
    agrees: 'agree',
    rounding: 'within rounding',
    kink: 'across a kink',
    differs: 'differ',
  };
  return Object.keys(VERDICTS)
    .filter((verdict) => counts.has(verdict))
    .map((verdict) => `${counts.get(verdict)} ${words[verdict]}`)
    .join(', ');
}
