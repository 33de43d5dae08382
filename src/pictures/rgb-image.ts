/** RGB bytes of a picture, row by row: height * width * 3. */
export interface RgbImage {
  pixels: Buffer
  width: number
  height: number
}
