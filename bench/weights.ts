/**
 * Beside a copy of the file that is hashed on the way: what has to be done to a file of this size at the least. Ends with
 * 1 when server, converter and predictor together ever hold more than 4 GiB.
 */
import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  openAsBlob,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import sharp from 'sharp'
import { Random } from '../src/random.ts'
import { findArchitecture } from '../src/zoo/catalog.ts'
import { canonicalTensors } from '../src/zoo/formats/canonical.ts'
import { writeSafetensors } from '../src/zoo/safetensors-file.ts'
import { defineBench } from './lib/bench.ts'
import { type BenchServer, withServer } from './lib/server.ts'
import { median } from './lib/statistics.ts'

const NETWORK = 'vgg16'
const MOST_BYTES = 4 * 2 ** 30
const MB = 1e6
const PREDICTIONS = 10
/** How often the processes' memory is looked at; a peak is kept by the kernel, so only a short life can be missed. */
const LOOK_MS = 20

export const bench = defineBench({
  measures: "seconds and memory of VGG-16's import (553 MB), predictions, downloads",
  takes: '1 minute',
  needs: '5 GiB of memory, 4 GB of disk',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
    try {
      const source = join(folder, 'vgg16.safetensors')
      const { bytes } = await writeRandomFile(source)
      const copy = await timed(() => copyHashed(source, join(folder, 'copy')))
      report('copy and sha256', copy, bytes, copy)
      await withServer({ dataset: false }, async (server) => {
        const memory = watchMemory(server.pid)
        try {
          await measure(server, source, bytes, copy)
        } finally {
          memory.stop()
        }
        judge(memory.peaks)
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  },
})

function judge(peaks: ReadonlyMap<string, number>): void {
  const line = (what: string, peak: number) =>
    `${what.padEnd(22)} ${(peak / 2 ** 20).toFixed(0).padStart(6)} MiB`
  for (const [name, peak] of peaks) console.log(`${line(name, peak)} at its peak`)
  const together = [...peaks.values()].reduce((sum, peak) => sum + peak, 0)
  const fits = together <= MOST_BYTES
  console.log(`${line('all at their peaks', together)} (at most 4096): ${fits ? 'ok' : 'FAILED'}`)
  if (!fits) process.exitCode = 1
}

async function measure(server: BenchServer, source: string, bytes: number, copy: number): Promise<void> {
  let version:
    | { id: string; downloads: { safetensors: { url: string }; layersModel: { url: string } } }
    | undefined
  report(
    'import',
    await timed(async () => {
      version = await importFile(server, source)
    }),
    bytes,
    copy,
  )
  const { id, downloads } = version!
  const picture = await sharp({
    create: {
      width: 500,
      height: 375,
      channels: 3,
      background: '#888',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .jpeg()
    .toBuffer()
  const predict = async () => {
    const { predict: answer } = await server.query(
      `query ($id: ID!, $picture: String!) { predict(input: { image: { base64: $picture }, model: { versionId: $id } }) {
        ... on Prediction { probabilities { label } } ... on Error { message } } }`,
      { id, picture: picture.toString('base64') },
    )
    if (answer.probabilities?.length !== 1000) throw new Error(JSON.stringify(answer))
  }
  report('first prediction', await timed(predict))
  const times: number[] = []
  for (let i = 0; i < PREDICTIONS; i++) times.push(await timed(predict))
  report('a later one', median(times))
  report('safetensors', await timed(() => fetchAll(server.url + downloads.safetensors.url)), bytes, copy)
  const { url } = downloads.layersModel
  report('LayersModel, first', await timed(() => fetchLayersModel(server.url + url)), bytes, copy)
  report('LayersModel, again', await timed(() => fetchLayersModel(server.url + url)), bytes, copy)
}

function writeRandomFile(path: string) {
  // Tensors of the same noise: what is in them costs nothing and means nothing.
  const noise = new Random(1).normal(2 ** 20, 0.01)
  return writeSafetensors(path, canonicalTensors(findArchitecture(NETWORK)!), {}, ({ shape }) => {
    const data = new Float32Array(shape.reduce((product, length) => product * length, 1))
    for (let at = 0; at < data.length; at += noise.length) {
      data.set(noise.subarray(0, Math.min(noise.length, data.length - at)), at)
    }
    return data
  })
}

async function copyHashed(source: string, target: string): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(
    createReadStream(source, { highWaterMark: 2 ** 20 }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        yield chunk
      }
    },
    createWriteStream(target, { flush: true }),
  )
  hash.digest()
}

async function importFile(server: BenchServer, path: string) {
  const query = `mutation ($input: ImportModelInput!) { importModel(input: $input) {
    ... on ModelVersion { id downloads { safetensors { url } layersModel { url } } }
    ... on Error { message } } }`
  const input = { name: 'imagenet', architecture: NETWORK, weights: { safetensors: null } }
  const form = new FormData()
  form.set('operations', JSON.stringify({ query, variables: { input } }))
  form.set('map', JSON.stringify({ 0: ['variables.input.weights.safetensors'] }))
  form.set('0', await openAsBlob(path), 'vgg16.safetensors')
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    body: form,
    headers: { 'x-graphql-yoga-csrf': '1' },
  })
  // biome-ignore lint/suspicious/noExplicitAny: the shape of the query above
  const { data, errors } = (await response.json()) as any
  if (data?.importModel.id === undefined) throw new Error(JSON.stringify(errors ?? data))
  return data.importModel
}

async function fetchAll(url: string): Promise<void> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  for await (const _ of response.body!);
}

async function fetchLayersModel(url: string): Promise<void> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  const { weightsManifest } = (await response.json()) as { weightsManifest: { paths: string[] }[] }
  for (const path of weightsManifest[0]!.paths) await fetchAll(url.replace('model.json', path))
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

/** @param bytes  of the file that was gone through once, if one was */
function report(what: string, seconds: number, bytes?: number, copy?: number): void {
  const rate = bytes === undefined ? '' : `${(bytes / MB / seconds).toFixed(0).padStart(6)} MB/s`
  const ratio = copy === undefined ? '' : `  ${(seconds / copy).toFixed(2)} times the copy`
  console.log(`${what.padEnd(22)} ${seconds.toFixed(2).padStart(6)} s ${rate}${ratio}`)
}

/** The peak memory of a process and its children, by what they do; the kernel keeps each one's peak. */
function watchMemory(pid: number) {
  const peaks = new Map<string, number>()
  const look = () => {
    for (const process of [String(pid), ...childrenOf(pid)]) {
      try {
        const command = readFileSync(`/proc/${process}/cmdline`, 'utf8')
        const name = /([\w-]+)\.js/.exec(
          command.split('\0').findLast((part) => part.endsWith('.js')) ?? '',
        )?.[1]
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1]
        if (name === undefined || peak === undefined) continue
        peaks.set(name, Math.max(peaks.get(name) ?? 0, Number(peak) * 1024))
      } catch {
        // It ended while it was looked at.
      }
    }
  }
  const timer = setInterval(look, LOOK_MS)
  return {
    peaks,
    stop() {
      clearInterval(timer)
      look()
    },
  }
}

function childrenOf(pid: number): string[] {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return []
  return readdirSync(tasks).flatMap((task) => {
    try {
      return readFileSync(`${tasks}/${task}/children`, 'utf8')
        .split(' ')
        .filter((it) => it !== '')
    } catch {
      return []
    }
  })
}
