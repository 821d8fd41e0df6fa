// The pictures of the layers on one sheet, as it is saved.

const GAP = 24;
const HEAD = 40;
const MAGNIFIED = 2; // for print

/** Draw canvases in rows of columns, with a name over each column. */
export function sheetOf(
  columns: { name: string; pictures: (HTMLCanvasElement | undefined)[] }[],
  paper: string,
  ink: string,
): HTMLCanvasElement {
  const sizes = columns.map(({ pictures }) =>
    pictures.map((each) => ({ width: each?.clientWidth ?? 0, height: each?.clientHeight ?? 0 })),
  );
  const widths = sizes.map((column) => Math.max(96, ...column.map(({ width }) => width)));
  const rows = Math.max(0, ...sizes.map((column) => column.length));
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(0, ...sizes.map((column) => column[row]?.height ?? 0)),
  );
  const sheet = document.createElement('canvas');
  sheet.width = MAGNIFIED * (GAP + widths.reduce((sum, width) => sum + width + GAP, 0));
  sheet.height = MAGNIFIED * (HEAD + heights.reduce((sum, height) => sum + height + GAP, 0));
  const context = sheet.getContext('2d')!;
  context.scale(MAGNIFIED, MAGNIFIED);
  context.imageSmoothingEnabled = false;
  context.fillStyle = paper;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = ink;
  context.font = '13px system-ui, sans-serif';
  let left = GAP;
  columns.forEach(({ name, pictures }, column) => {
    context.fillText(name, left, HEAD - 14, widths[column]! + GAP - 6);
    let top = HEAD;
    pictures.forEach((picture, row) => {
      const { width, height } = sizes[column]![row]!;
      if (picture) context.drawImage(picture, left, top, width, height);
      top += heights[row]! + GAP;
    });
    left += widths[column]! + GAP;
  });
  return sheet;
}
