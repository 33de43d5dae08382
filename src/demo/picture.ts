import sharp from 'sharp'

/** A picture in two rows of pixels for each row of text, by half blocks in 24-bit colour. */
export async function picture(dataUrl: string, pixels = 24): Promise<string[]> {
  const png = Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64')
  const raw = await sharp(png).resize(pixels, pixels).removeAlpha().raw().toBuffer()
  const colour = (x: number, y: number) =>
    [...raw.subarray((y * pixels + x) * 3, (y * pixels + x) * 3 + 3)].join(';')
  return Array.from({ length: pixels / 2 }, (_, row) => {
    const cells = Array.from({ length: pixels }, (_cell, x) => {
      return `\x1b[38;2;${colour(x, 2 * row)}m\x1b[48;2;${colour(x, 2 * row + 1)}m▀`
    })
    return `${cells.join('')}\x1b[0m`
  })
}
