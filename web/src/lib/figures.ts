// The Test room's figures as files: what the page shows as a table or on a canvas, drawn as SVG for a paper or a slide.

export interface BarRow {
  label: string;
  value: number;
  low?: number;
  high?: number;
  note: string;
}

const INK = '#1d1f23';
const SOFT = '#5a5d63';
const BLUE = '#0072b2';
const VERMILION = '#d55e00';
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function svg(title: string, width: number, height: number, parts: readonly string[]): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="${INK}">` +
    `<title>${escaped(title)}</title><rect width="${width}" height="${height}" fill="#ffffff"/>` +
    `<text x="16" y="26" font-size="15" font-weight="600">${escaped(title)}</text>${parts.join('')}</svg>`
  );
}

/** Horizontal bars, each with its interval as a thin line. */
export function barsSvg(title: string, rows: readonly BarRow[]): string {
  const [left, width, right] = [130, 400, 190];
  const most = Math.max(...rows.map((row) => row.high ?? row.value)) || 1;
  const across = (value: number) => (left + (value / most) * width).toFixed(1);
  const parts = rows.flatMap((row, index) => {
    const y = 48 + 26 * index;
    const whisker =
      row.low === undefined || row.high === undefined
        ? ''
        : `<path d="M${across(row.low)} ${y + 8}H${across(row.high)}" stroke="${INK}"/>`;
    return [
      `<text x="${left - 10}" y="${y + 13}" text-anchor="end">${escaped(row.label)}</text>`,
      `<rect x="${left}" y="${y}" width="${((row.value / most) * width).toFixed(1)}" height="16" fill="${BLUE}"/>${whisker}`,
      `<text x="${left + width + 12}" y="${y + 13}" fill="${SOFT}">${escaped(row.note)}</text>`,
    ];
  });
  return svg(title, left + width + right, 60 + 26 * rows.length, parts);
}

/** The confusion matrix: true digits down, answers across. */
export function confusionSvg(title: string, confusion: readonly (readonly number[])[]): string {
  const cell = 44;
  const most = Math.max(1, ...confusion.flatMap((row, truth) => row.filter((_, read) => read !== truth)));
  const parts = [`<text x="60" y="52" fill="${SOFT}">read as</text>`];
  confusion.forEach((row, truth) => {
    parts.push(`<text x="66" y="${76 + cell * truth + 27}" text-anchor="end">${truth}</text>`);
    parts.push(`<text x="${76 + cell * truth + 22}" y="70" text-anchor="middle">${truth}</text>`);
    row.forEach((count, read) => {
      const [x, y] = [76 + cell * read, 76 + cell * truth];
      const right = truth === read;
      const fill = right ? '#efefef' : VERMILION;
      parts.push(
        `<rect x="${x}" y="${y}" width="${cell - 1}" height="${cell - 1}" fill="${fill}" fill-opacity="${right ? 1 : (0.85 * count) / most}"/>`,
      );
      if (count) parts.push(`<text x="${x + 21}" y="${y + 27}" text-anchor="middle">${count}</text>`);
    });
  });
  return svg(title, 96 + 10 * cell, 96 + 10 * cell, parts);
}

/** The map: a dot for each image that is read right, the true digit where it is not. */
export function mapSvg(
  title: string,
  points: { x: number[]; y: number[]; truth: number[]; read: number[] },
  colours: readonly string[],
): string {
  const size = 720;
  const place = (value: number) => (size / 2 + value * (size / 2 - 24)).toFixed(1);
  const parts = points.x.map((x, index) => {
    const [truth, y] = [points.truth[index]!, points.y[index]!];
    const [across, down] = [place(x), (Number(place(-y)) + 40).toFixed(1)];
    return truth === points.read[index]
      ? `<circle cx="${across}" cy="${down}" r="3" fill="${colours[truth]}"/>`
      : `<text x="${across}" y="${down}" dy="5" text-anchor="middle" font-weight="700" fill="${VERMILION}">${truth}</text>`;
  });
  return svg(title, size, size + 40, parts);
}

export interface Caption {
  text: string;
  wrong: boolean;
}

/** Images in rows, each with a caption, as a PNG. */
export function contactSheet(pixels: ArrayLike<number>, captions: readonly Caption[], columns = 10): Promise<Blob> {
  const [side, gap, line] = [28 * 3, 12, 20];
  const rows = Math.max(1, Math.ceil(captions.length / columns));
  const sheet = document.createElement('canvas');
  sheet.width = gap + columns * (side + gap);
  sheet.height = gap + rows * (side + line + gap);
  const context = sheet.getContext('2d')!;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.font = '13px sans-serif';
  context.textAlign = 'center';
  captions.forEach(({ text, wrong }, index) => {
    const [left, top] = [
      gap + (index % columns) * (side + gap),
      gap + Math.floor(index / columns) * (side + line + gap),
    ];
    for (let pixel = 0; pixel < 784; pixel++) {
      const shade = pixels[784 * index + pixel]!;
      context.fillStyle = `rgb(${shade} ${shade} ${shade})`;
      context.fillRect(left + 3 * (pixel % 28), top + 3 * Math.floor(pixel / 28), 3, 3);
    }
    context.fillStyle = wrong ? '#b34a00' : INK;
    context.fillText(text, left + side / 2, top + side + 15);
  });
  return new Promise((resolve, reject) =>
    sheet.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))), 'image/png'),
  );
}
