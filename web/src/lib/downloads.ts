// Every figure can be saved: as PNG, as SVG, as a table (CSV).

export interface Download {
  /** What the menu says: "PNG", "SVG", "CSV". */
  label: string;
  /** The file's name. */
  file: string;
  /** Its content, made when it is asked for. */
  content: () => Blob | string | Promise<Blob | string>;
}

export async function save(download: Download): Promise<void> {
  const content = await download.content();
  const blob = typeof content === 'string' ? new Blob([content], { type: 'text/plain;charset=utf-8' }) : content;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = download.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A table as CSV (RFC 4180), with a row of names first. */
export function csv(names: readonly string[], rows: Iterable<readonly (string | number | null | undefined)[]>): string {
  const cell = (value: string | number | null | undefined) => {
    const text = value === null || value === undefined ? '' : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

/** A canvas as PNG, enlarged without smoothing where its pixels mean something. */
export function png(canvas: HTMLCanvasElement, scale = 1): Promise<Blob> {
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [canvas.width * scale, canvas.height * scale];
  const context = copy.getContext('2d')!;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, copy.width, copy.height);
  return new Promise((resolve, reject) =>
    copy.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))), 'image/png'),
  );
}
