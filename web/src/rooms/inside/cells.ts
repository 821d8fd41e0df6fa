// How the numbers of a layer lie on a picture: a vector as a block of cells, maps side by side with a gap between them.

export interface Layout {
  /** Maps, or single cells, side by side. */
  columns: number;
  rows: number;
  /** Height and width of one map in cells; 1 and 1 of a vector. */
  height: number;
  width: number;
  /** Cells between two maps. */
  gap: number;
  /** CSS pixels of a cell's side. */
  scale: number;
}

export interface Room {
  width: number;
  height: number;
  /** The largest scale: a handful of numbers need no poster. */
  most: number;
}

export const LARGEST: Room = { width: 168, height: 206, most: 12 };

/** The layout with the largest cells that fit; among those without holes, and nearly square. */
export function layoutOf(shape: readonly number[], room: Room = LARGEST): Layout {
  const [count = 1, height = 1, width = 1] = shape;
  const gap = height * width > 1 ? 1 : 0;
  let best: Layout | null = null;
  let least = Infinity;
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const across = columns * (width + gap) - gap;
    const down = rows * (height + gap) - gap;
    const scale = Math.min(Math.floor(Math.min(room.width / across, room.height / down)), room.most);
    const holes = rows * columns - count;
    const slant = Math.abs(Math.log((across + 1) / (down + 1)));
    const cost =
      -Math.max(scale, 0) +
      (scale < 1 ? 1e6 * Math.max(across, down) : 0) +
      (holes ? 1.5 + holes / count : 0) +
      0.5 * slant;
    if (cost < least) {
      least = cost;
      best = { columns, rows, height, width, gap, scale: Math.max(1, scale) };
    }
  }
  return best!;
}

/** A column of cells, one under the other: for the ten scores, with their digits beside them. */
export const column = (count: number, scale: number): Layout => ({
  columns: 1,
  rows: count,
  height: 1,
  width: 1,
  gap: 0,
  scale,
});

/** Cells across and down. */
export function sizeOf(layout: Layout): { width: number; height: number } {
  return {
    width: layout.columns * (layout.width + layout.gap) - layout.gap,
    height: layout.rows * (layout.height + layout.gap) - layout.gap,
  };
}

/** Where the cell of a number lies: column and row of the whole picture. */
export function cellOf(layout: Layout, index: number): { x: number; y: number } {
  const map = Math.floor(index / (layout.width * layout.height));
  const within = index % (layout.width * layout.height);
  return {
    x: (map % layout.columns) * (layout.width + layout.gap) + (within % layout.width),
    y: Math.floor(map / layout.columns) * (layout.height + layout.gap) + Math.floor(within / layout.width),
  };
}

/** The number whose cell lies there; null in a gap or a hole. */
export function indexAt(layout: Layout, x: number, y: number, count: number): number | null {
  const [across, down] = [layout.width + layout.gap, layout.height + layout.gap];
  const [column, row] = [Math.floor(x / across), Math.floor(y / down)];
  const [left, top] = [Math.floor(x) - column * across, Math.floor(y) - row * down];
  if (x < 0 || y < 0 || column >= layout.columns || left >= layout.width || top >= layout.height) return null;
  const index = ((row * layout.columns + column) * layout.height + top) * layout.width + left;
  return index < count ? index : null;
}

/** The number that an arrow key leads to: in its map first, then in the neighbouring one. */
export function neighbour(layout: Layout, index: number, key: string, count: number): number | null {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const map = layout.width * layout.height;
  const jump = { Home: 0, End: count - 1, PageUp: index - map, PageDown: index + map }[key];
  if (jump !== undefined) return Math.min(count - 1, Math.max(0, jump));
  if (!move) return null;
  const [dx, dy] = move as [number, number];
  const { x, y } = cellOf(layout, index);
  return indexAt(layout, x + dx, y + dy, count) ?? indexAt(layout, x + 2 * dx, y + 2 * dy, count) ?? index;
}

/** "unit 17", or "map 3, row 10, column 4". */
export function nameOf(shape: readonly number[], index: number): string {
  if (shape.length < 3) return `unit ${index}`;
  const [, height = 1, width = 1] = shape;
  const within = index % (height * width);
  return `map ${Math.floor(index / (height * width))}, row ${Math.floor(within / width)}, column ${within % width}`;
}

/** The same of what a unit sees: the image, maps, or units. */
export function inputNameOf(shape: readonly number[], index: number): string {
  if (shape.length < 3) return `input ${index}`;
  const [, height = 1, width = 1] = shape;
  const within = index % (height * width);
  const place = `${Math.floor(within / width)}, ${within % width}`;
  return shape[0] === 1 ? `pixel ${place}` : `map ${Math.floor(index / (height * width))} at ${place}`;
}
