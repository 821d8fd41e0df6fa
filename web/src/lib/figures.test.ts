import { describe, expect, it } from 'vitest';
import { barsSvg, confusionSvg, mapSvg } from './figures';

const count = (text: string, part: string) => text.split(part).length - 1;

describe('figures as files', () => {
  it('has a bar and a thin line for each row, and escapes words', () => {
    const svg = barsSvg('a < b', [
      { label: '0', value: 0.01, low: 0.005, high: 0.02, note: '1 %' },
      { label: '1', value: 0, note: '0 %' },
    ]);
    expect(svg).toContain('a &lt; b');
    expect(count(svg, '<rect')).toBe(3); // and the paper
    expect(count(svg, '<path')).toBe(1);
  });

  it('writes every number of the confusion matrix but the noughts', () => {
    const confusion = Array.from({ length: 10 }, (_, truth) =>
      Array.from({ length: 10 }, (_, read) => (truth === read ? 90 : truth === 4 && read === 9 ? 6 : 0)),
    );
    const svg = confusionSvg('confusion', confusion);
    expect(count(svg, '>90<')).toBe(10);
    expect(count(svg, '>6</text>')).toBe(3); // the count, and the heads of row and column 6
  });

  it('draws a dot for what is read right, and the true digit for what is not', () => {
    const svg = mapSvg('map', { x: [0, 0.5], y: [0, 0.5], truth: [3, 4], read: [3, 9] }, Array(10).fill('#000000'));
    expect(count(svg, '<circle')).toBe(1);
    expect(svg).toContain('>4</text>');
  });
});
