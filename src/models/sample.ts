import type { DatasetFacts } from '../data/dataset-facts.ts'
import { encodePng, prepareImage } from '../pictures/image.ts'
import type { Preprocessing } from './preprocessing.ts'

/**
 * An image of a data set as a prediction of the same sample sees it: RGB bytes of the network's size.
 * @param pixels  RGB bytes, [height, width, 3]
 */
export async function prepareSample(
  pixels: Uint8Array,
  { imageShape: [height, width] }: Pick<DatasetFacts, 'imageShape'>,
  { size, resize }: Pick<Preprocessing, 'size' | 'resize'>,
): Promise<Uint8Array> {
  if (height === size[0] && width === size[1]) return pixels
  return (await prepareImage(await encodePng(pixels, [height, width]), size, resize)).pixels
}
