import type { Locator } from 'playwright-core';

/** The relative luminance (WCAG) of the pixels of an element, as it is shown: filters and backgrounds are included. */
export async function brightnessOf(element: Locator): Promise<{
  readonly mean: number;
  /** The contrast of the brightest and the darkest pixel: that of text and background. */
  readonly contrast: number;
}> {
  const image = (await element.screenshot()).toString('base64');
  const { mean, least, most } = await element.page().evaluate(async (data) => {
    const picture = new Image();
    picture.src = `data:image/png;base64,${data}`;
    await picture.decode();
    const canvas = Object.assign(document.createElement('canvas'), {
      width: picture.width,
      height: picture.height,
    });
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('there is no canvas');
    context.drawImage(picture, 0, 0);
    const pixels = context.getImageData(0, 0, picture.width, picture.height).data;
    const linear = (value: number): number =>
      value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    let [sum, least, most] = [0, 1, 0];
    for (let i = 0; i < pixels.length; i += 4) {
      const [red, green, blue] = [0, 1, 2].map((part) => linear(pixels[i + part] / 255));
      const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      sum += luminance;
      least = Math.min(least, luminance);
      most = Math.max(most, luminance);
    }
    return { mean: (sum / pixels.length) * 4, least, most };
  }, image);
  return { mean, contrast: (most + 0.05) / (least + 0.05) };
}
