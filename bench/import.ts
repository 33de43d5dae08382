/**
 * An import of photographs as a server has it done, beside sharp that decodes and scales the same files and does nothing
 * else. Ends with 1 where a figure is above its limit.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { Header } from 'tar'
import type { FromImporter, ImportJob, ToImporter } from '../src/data/importing/protocol.ts'
import { COVER } from '../src/pictures/resize.ts'
import { startChild } from '../src/process/child.ts'
import { usageOf } from '../src/process/usage.ts'
import { Random } from '../src/random.ts'
import { defineBench, UsageError } from './lib/bench.ts'
import { heading, judge, note } from './lib/budget.ts'

const SIDE = 224
/** Of an import's processor time, its start and the writing of the file included, to that of decoding alone. */
const MOST_TIMES = 2
const MOST_MEMORY_MIB = 600
/** Pictures that are decoded side by side. */
const AT_ONCE = 8

export const bench = defineBench({
  measures: 'an import of photographs beside decoding alone: rate, memory',
  takes: '1 minute',
  needs: null,
  options: { pictures: 'how many (2000)' },
  async run({ pictures = '2000' }) {
    const count = Number(pictures)
    if (!(Number.isInteger(count) && count >= 100)) {
      throw new UsageError(`--pictures: ${pictures} is not a whole number from 100 on.`)
    }
    const folder = mkdtempSync(join(tmpdir(), 'vggzoo-import-'))
    try {
      const files = await photographs(count)
      const alone = await decodeAlone(files)
      const archive = join(folder, 'photographs.tar')
      writeTar(archive, files)
      const { seconds, cpuSeconds, peakMiB, images } = await importAll(archive, folder)
      if (images !== count) throw new Error(`${images} of ${count} pictures were imported.`)
      heading(`${count} photographs of 500 x 375 pixels, to ${SIDE} x ${SIDE}`)
      note('decoded and scaled by sharp, a second', count / alone.seconds, '')
      note('imported, a second', count / seconds, '')
      // The import gives way to others, as it does beside a server: by the clock it depends on them.
      judge('processor time, of decoding alone', cpuSeconds / alone.cpuSeconds, MOST_TIMES, '')
      judge('memory of the process at its peak', peakMiB, MOST_MEMORY_MIB, 'MiB')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
})

/** JPEGs of 500 x 375 pixels, each of other shapes, as fine as a photograph's: about 30 kB. */
async function photographs(count: number): Promise<Buffer[]> {
  const made: Buffer[] = []
  for (let seed = 0; seed < count; seed++) {
    const random = new Random(seed)
    const [width, height] = [60, 45]
    const pixels = Uint8Array.from({ length: width * height * 3 }, () => random.below(256))
    const shapes = sharp(pixels, { raw: { width, height, channels: 3 } }).resize(500, 375, {
      kernel: 'cubic',
    })
    made.push(await shapes.jpeg({ quality: 85 }).toBuffer())
  }
  return made
}

/** -> seconds by the clock, and of processors */
async function decodeAlone(files: readonly Buffer[]): Promise<{ seconds: number; cpuSeconds: number }> {
  sharp.cache(false)
  sharp.concurrency(1)
  const decode = (file: Buffer) => sharp(file).resize(SIDE, SIDE).raw().toBuffer()
  await Promise.all(files.slice(0, AT_ONCE).map(decode))
  const [began, used] = [performance.now(), process.cpuUsage()]
  const waiting = [...files]
  const work = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await decode(file)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const { user, system } = process.cpuUsage(used)
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: (user + system) / 1e6 }
}

/** A .tar with two classes. */
function writeTar(path: string, files: readonly Buffer[]): void {
  const descriptor = openSync(path, 'w')
  for (const [i, bytes] of files.entries()) {
    const name = `${i % 2 === 0 ? 'even' : 'odd'}/${i}.jpg`
    const header = new Header({
      path: name,
      size: bytes.length,
      type: 'File',
      mode: 0o644,
      mtime: new Date(0),
    })
    header.encode()
    const rest = Buffer.alloc((512 - (bytes.length % 512)) % 512)
    writeSync(descriptor, Buffer.concat([header.block!, bytes, rest]))
  }
  writeSync(descriptor, Buffer.alloc(1024))
  closeSync(descriptor)
}

/** As the server does it, in a process of its own. */
async function importAll(archive: string, folder: string) {
  const scratch = join(folder, 'scratch')
  mkdirSync(scratch)
  const job: ImportJob = {
    name: 'photographs@1',
    from: { kind: 'archive', path: archive, name: 'photographs.tar' },
    size: [SIDE, SIDE],
    resize: COVER,
    split: { testShare: 0.2, seed: 1 },
    labels: null,
    maxBytes: 2 ** 36,
    file: join(folder, 'photographs@1.bin'),
    scratch,
  }
  let ended: Extract<FromImporter, { type: 'done' | 'failed' }> | undefined
  const began = performance.now()
  const child = startChild<ToImporter, FromImporter>({
    entry: new URL('../dist/data/importing/import-process.js', import.meta.url),
    onMessage(message) {
      if (message.type === 'done' || message.type === 'failed') ended = message
    },
    onOutput: (line) => console.log(line),
  })
  let [peak, cpuSeconds] = [0, 0]
  const watching = setInterval(() => {
    const usage = usageOf(child.pid!)
    if (usage === null) return
    peak = Math.max(peak, usage.memoryBytes)
    cpuSeconds = usage.cpuSeconds
  }, 50)
  child.send(job)
  await child.exited
  clearInterval(watching)
  if (ended?.type !== 'done') throw new Error(`The import failed: ${ended?.reason}`)
  const seconds = (performance.now() - began) / 1000
  return { seconds, cpuSeconds, peakMiB: peak / 2 ** 20, images: ended.summary.images }
}
