// Strokes on a canvas, as the studio draws them too, and as an SVG file.

import { HEIGHT, WIDTH, type Stroke } from '../../lib/strokes';

/** Draw strokes; the canvas may have any size in the proportions of the paper. */
export function paintStrokes(context: CanvasRenderingContext2D, strokes: readonly Stroke[], colour: string): void {
  const scale = context.canvas.width / WIDTH;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = colour;
  for (const stroke of strokes) {
    let before = stroke[0]!;
    for (const each of stroke.length > 1 ? stroke.slice(1) : stroke) {
      context.lineWidth = (before.width + each.width) / 2;
      context.beginPath();
      context.moveTo(before.x, before.y);
      context.lineTo(each.x, each.y + (each === before ? 0.01 : 0)); // a dot is a line too
      context.stroke();
      before = each;
    }
  }
}

export function strokesSvg(strokes: readonly Stroke[]): string {
  const lines = strokes.flatMap((stroke) => {
    const segments = stroke.length > 1 ? stroke.slice(1).map((each, index) => [stroke[index]!, each] as const) : [];
    return (segments.length ? segments : [[stroke[0]!, stroke[0]!] as const]).map(
      ([from, to]) => `<path d="M${from.x} ${from.y}L${to.x} ${to.y}" stroke-width="${(from.width + to.width) / 2}"/>`,
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}">` +
    `<g fill="none" stroke="#000000" stroke-linecap="round">${lines.join('')}</g></svg>`
  );
}
