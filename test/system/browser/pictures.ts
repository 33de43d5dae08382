import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Page, Request } from 'playwright-core'
import sharp, { type Sharp } from 'sharp'

const REFERENCES = join(import.meta.dirname, 'pictures')
/** Where a picture goes that differs from its reference; git ignores it. */
const DIFFERING = join(REFERENCES, 'differing')

/** Share of the pixels that may be another colour. */
const TOLERATED = 0.001
/** By how much a channel of 0 to 255 may differ before a person sees it: edges are rounded otherwise here and there. */
const SEEN = 24

/** Pixels from the top of a page that are looked at: what comes below on a phone stands in a wider picture. */
const HIGHEST = 3600

const IS_RENEWED = process.env.PICTURES === 'renew'

interface Picture {
  data: Buffer
  width: number
  height: number
}

const read = async (file: Buffer | string): Promise<Picture> => {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

/**
 * Why a page does not look as its committed picture does; null when it does. With PICTURES=renew the page is right and
 * becomes the picture.
 * @param browser  its version, for whoever wonders what changed
 */
export async function difference(page: Page, name: string, browser: string): Promise<string | null> {
  const shown = await standing(page)
  const file = join(REFERENCES, `${name}.webp`)
  if (IS_RENEWED) {
    await sharp(shown).webp({ lossless: true, effort: 6 }).toFile(file)
    return null
  }
  const differing = join(DIFFERING, `${name}.png`)
  rmSync(differing, { force: true })
  const tell = async (what: string, picture: Sharp) => {
    mkdirSync(DIFFERING, { recursive: true })
    await picture.png().toFile(differing)
    const place = relative(process.cwd(), differing)
    return `${name}: ${what}. Look at ${place} (Chromium ${browser}); if the page is right, npm run pictures makes it the reference.`
  }
  if (!existsSync(file)) return tell('there is no reference', sharp(shown))
  const [is, was] = [await read(shown), await read(file)]
  if (is.width !== was.width || is.height !== was.height) {
    return tell(
      `it is ${is.width} x ${is.height} pixels, its reference ${was.width} x ${was.height}`,
      sharp(shown),
    )
  }
  const { share, marked } = compare(is, was)
  if (share <= TOLERATED) return null
  const { width, height } = is
  return tell(
    `${(100 * share).toFixed(2)} % of it differ from the reference; they are red`,
    sharp(marked, { raw: { width, height, channels: 3 } }),
  )
}

/** The page when it has come to rest: nothing is asked for, and two pictures of it are the same. */
async function standing(page: Page): Promise<Buffer> {
  // Photos weigh more than all the rest; what counts is where they stand.
  const mask = [page.locator('img.pixelated')]
  const shoot = async () => {
    const { width } = page.viewportSize()!
    const height = await page.evaluate(() => document.documentElement.scrollHeight)
    const clip = { x: 0, y: 0, width, height: Math.min(height, HIGHEST) }
    return page.screenshot({
      fullPage: true,
      animations: 'disabled',
      caret: 'hide',
      mask,
      maskColor: '#808080',
      clip,
    })
  }
  let before = await shoot()
  for (;;) {
    const now = await shoot()
    if (now.equals(before) && !isAsking(page)) return now
    before = now
  }
}

const asked = new WeakMap<Page, Set<Request>>()

/** From now on `difference` knows whether the page waits for an answer. */
export function watchRequests(page: Page): void {
  const open = new Set<Request>()
  asked.set(page, open)
  page.on('request', (request) => open.add(request))
  page.on('requestfinished', (request) => open.delete(request))
  page.on('requestfailed', (request) => open.delete(request))
}

const isAsking = (page: Page) => (asked.get(page)?.size ?? 0) > 0

/** The share of pixels that a person sees to differ, and the picture with these in red and the others pale. */
export function compare(is: Picture, was: Picture): { share: number; marked: Buffer } {
  const marked = Buffer.alloc(is.data.length)
  let count = 0
  for (let at = 0; at < is.data.length; at += 3) {
    let most = 0
    for (let c = at; c < at + 3; c++) most = Math.max(most, Math.abs(is.data[c]! - was.data[c]!))
    if (most > SEEN) {
      count++
      marked.set([220, 0, 0], at)
    } else for (let c = at; c < at + 3; c++) marked[c] = 160 + is.data[c]! * 0.35
  }
  return { share: count / (is.data.length / 3), marked }
}
