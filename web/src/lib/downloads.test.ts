import { expect, it } from 'vitest';
import { chartSvg, ticks } from './chartSvg';
import { csv } from './downloads';

it('tables are CSV as RFC 4180 has it', () => {
  expect(
    csv(
      ['a', 'b, c'],
      [
        [1, 'say "no"'],
        [null, -0.5],
      ],
    ),
  ).toBe('a,"b, c"\r\n1,"say ""no"""\r\n,-0.5\r\n');
});

it('ticks are round numbers', () => {
  expect(ticks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticks(3, 3)).toEqual([3]);
});

it('a chart becomes an SVG with gaps where nothing was measured', () => {
  const series = [{ label: 'loss <1>', values: [1, null, 0.5, 0.2], stroke: 'rgb(0, 0, 0)' }];
  const svg = chartSvg({ title: 'Loss', x: [0, 1, 2, 3], series, xLabel: 'epoch', yLabel: '', log: false });
  expect(svg).toContain('loss &lt;1&gt;');
  expect(svg.match(/M[\d.]+ [\d.]+(L[\d.]+ [\d.]+)?/g)?.length).toBeGreaterThan(1);
  expect(svg).not.toContain('NaN');
});
