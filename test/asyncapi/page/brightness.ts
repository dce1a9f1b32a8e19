import type { Locator } from 'playwright-core';

/** The relative luminance (WCAG) of the pixels of an element, as it is shown: filters and backgrounds are included. */
export async function brightnessOf(element: Locator): Promise<{
  readonly mean: number;
  /** The contrast of the brightest and the darkest pixel: that of text and background. */
  readonly contrast: number;
}> {
  const image = (await element.screenshot()).toString('base64');
  const { mean, least, most } = await element
    .page()
    .evaluate<{ readonly mean: number; readonly least: number; readonly most: number }>(
      `(${MEASURE})("data:image/png;base64,${image}")`,
    );
  return { mean, contrast: (most + 0.05) / (least + 0.05) };
}

/** Runs in the page, which decodes images. */
const MEASURE = `async (address) => {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  const { width, height } = picture;
  const context = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d');
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const linear = (part) => (part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  let [sum, least, most] = [0, 1, 0];
  for (let i = 0; i < pixels.length; i += 4) {
    const luminance =
      0.2126 * linear(pixels[i]) + 0.7152 * linear(pixels[i + 1]) + 0.0722 * linear(pixels[i + 2]);
    sum += luminance;
    least = Math.min(least, luminance);
    most = Math.max(most, luminance);
  }
  return { mean: (sum / pixels.length) * 4, least, most };
}`;
