import { broken } from '../damage.ts'
import { hostilePictures } from '../hostile-archives.ts'
import type { Draw } from '../random.ts'
import { completeRun } from '../runs.ts'
import type { TestServer } from '../server.ts'
import { BOUNDARY, body, type Part } from '../upload.ts'
import type { Attack } from './bombard.ts'
import { request } from './over-http.ts'
import { anything, jsonOf } from './values.ts'
import { answersIn, exchange, faultOf } from './wire.ts'

/** Sends a form by the multipart request specification; `members` are those that its results may be of. */
async function sent(
  { url }: TestServer,
  operations: object,
  files: readonly (readonly [place: string, name: string, bytes: Uint8Array])[],
  members: RegExp,
): Promise<string | null> {
  const map = Object.fromEntries(files.map(([place], i) => [i, [`variables.${place}`]]))
  const parts = files.map(([, name, bytes], i): Part => [String(i), bytes, name])
  const form = body([['operations', JSON.stringify(operations)], ['map', JSON.stringify(map)], ...parts])
  const headers = [`Content-Type: multipart/form-data; boundary=${BOUNDARY}`, 'x-graphql-yoga-csrf: 1']
  return resultOf(await exchange(url, [request('POST', '/graphql', headers, form)], true), members)
}

function resultOf(bytes: Buffer, members: RegExp): string | null {
  const answers = answersIn(bytes)
  if (answers.length !== 1) return `${answers.length} answers: ${bytes.toString('latin1').slice(0, 300)}`
  const fault = faultOf(answers[0]!)
  if (fault !== null) return fault
  const named = [...answers[0]!.body.matchAll(/"__typename":"(\w+)"/g)].map(([, name]) => name!)
  const stray = named.find((name) => !members.test(name))
  return named.length > 0 && stray === undefined ? null : answers[0]!.body.slice(0, 500)
}

const PREDICT =
  'query ($image: ImageInput!) { predict(input: { image: $image }) { __typename ... on Error { message } } }'
const PREDICT_MANY =
  'query ($images: [ImageInput!]!) { predictMany(input: { images: $images }) { __typename ... on PredictionBatch { results { __typename ... on Error { message } } } ... on Error { message } } }'
const OF_PICTURES = /^(Prediction|PredictionBatch|UnsupportedImageError|ValidationError)$/

/** Pictures that are damaged anywhere, as text and as files. The server gets a model first. */
export async function pictures(server: TestServer): Promise<Attack> {
  await completeRun(server)
  const whole = await hostilePictures()
  const damaged = (draw: Draw) => {
    let bytes = broken(draw, draw.oneOf(whole)).bytes
    if (draw.chance(0.3) && bytes.length > 0) bytes = broken(draw, bytes).bytes
    return bytes
  }
  return async (draw) => {
    if (draw.chance(0.2)) {
      const files = Array.from(
        { length: 1 + draw.below(5) },
        (_, i) => [`images.${i}.upload`, 'p', damaged(draw)] as const,
      )
      const variables = { images: files.map(() => ({ upload: null })) }
      return sent(server, { query: PREDICT_MANY, variables }, files, OF_PICTURES)
    }
    const text = damaged(draw).toString('base64')
    const base64 = draw.chance(0.9)
      ? text
      : draw.oneOf([
          `data:image/png;base64,${text}`,
          text.slice(draw.below(4)),
          `${text}=`,
          `data:;,${text}`,
          text.replaceAll('+', '-'),
        ])
    const content = Buffer.from(JSON.stringify({ query: PREDICT, variables: { image: { base64 } } }))
    return resultOf(
      await exchange(
        server.url,
        [request('POST', '/graphql', ['Content-Type: application/json'], content)],
        true,
      ),
      OF_PICTURES,
    )
  }
}

const IMPORT =
  'mutation ($input: ImportModelInput!) { importModel(input: $input) { __typename ... on Error { message } } }'
const OF_IMPORTS = /^(ModelVersion|ValidationError)$/
const OPTIONS = ['F32', 'F16', 'BF16', 'F64', 'I64', 'U8', 'BOOL', 'F8_E4M3', 'C64', '', 'float32']
const EXTREMES = [0, -1, 1, 3, 2 ** 31, 2 ** 53, 1e300, 1.5, 4_294_967_296]

/** Files of weights whose headers, manifests and numbers are damaged. The server gets a model first. */
export async function weights(server: TestServer): Promise<Attack> {
  const run = await completeRun(server)
  const { trainingRun } = await server.query(
    `{ trainingRun(id: "${run}") { modelVersions { downloads { safetensors { url } layersModel { url } } } } }`,
  )
  const { downloads } = trainingRun.modelVersions[0]
  const fetched = async (path: string) => Buffer.from(await (await fetch(server.url + path)).arrayBuffer())
  const safetensors = await fetched(downloads.safetensors.url)
  const json = (await fetched(downloads.layersModel.url)).toString()
  const folder = downloads.layersModel.url.replace(/model\.json.*$/, '')
  const paths: string[] = JSON.parse(json).weightsManifest[0].paths
  const shards = await Promise.all(paths.map(async (path) => [path, await fetched(folder + path)] as const))
  const input = (form: object) => ({
    query: IMPORT,
    variables: { input: { name: 'malformed', architecture: 'vgg_mini', weights: form } },
  })
  return (draw) => {
    if (draw.chance(0.6)) {
      const files = [
        ['input.weights.safetensors', 'w.safetensors', alteredSafetensors(draw, safetensors)] as const,
      ]
      return sent(server, input({ safetensors: null }), files, OF_IMPORTS)
    }
    const altered = draw.chance(0.9) ? alteredJson(draw, json) : broken(draw, Buffer.from(json)).bytes
    const others = shards
      .filter(() => draw.chance(0.95))
      .map(
        ([path, bytes]) =>
          [
            draw.chance(0.97) ? path : '../x',
            draw.chance(0.9) ? bytes : bytes.subarray(0, draw.below(bytes.length)),
          ] as const,
      )
    const files = [['model.json', altered] as const, ...others].map(
      ([name, bytes], i) => [`input.weights.layersModel.${i}`, name, bytes] as const,
    )
    return sent(server, input({ layersModel: files.map(() => null) }), files, OF_IMPORTS)
  }
}

/** 8 bytes that tell the length of a header in JSON, the header, and the numbers. */
function alteredSafetensors(draw: Draw, file: Buffer): Buffer {
  const length = Number(file.readBigUInt64LE(0))
  const [header, numbers] = [file.subarray(8, 8 + length), file.subarray(8 + length)]
  const packed = (text: Uint8Array, claimed = BigInt(text.length)) => {
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(claimed)
    return Buffer.concat([prefix, text, numbers])
  }
  return draw.oneOf([
    () => packed(alteredEntry(draw, header.toString())),
    () => packed(alteredEntry(draw, header.toString())),
    () => packed(alteredJson(draw, header.toString())),
    () => packed(broken(draw, header).bytes),
    () =>
      packed(
        header,
        draw.oneOf([0n, 1n, 2n ** 64n - 1n, 2n ** 63n, BigInt(file.length), BigInt(length + 1), 2n ** 32n]),
      ),
    () => broken(draw, file.subarray(0, 8 + length)).bytes,
    () => file.subarray(0, draw.below(file.length)),
    () => packed(Buffer.from('['.repeat(100_000))),
  ])()
}

/** One tensor says something else of itself. */
function alteredEntry(draw: Draw, text: string): Buffer {
  const header = JSON.parse(text)
  const name = draw.oneOf(Object.keys(header))
  const entry = header[name]
  draw.oneOf([
    () => {
      entry.dtype = draw.oneOf(OPTIONS)
    },
    () => {
      entry.shape = Array.from({ length: draw.below(6) }, () => draw.oneOf(EXTREMES))
    },
    () => {
      entry.data_offsets = [draw.oneOf(EXTREMES), draw.oneOf(EXTREMES)]
    },
    () => {
      entry.data_offsets = [entry.data_offsets?.[1], entry.data_offsets?.[0]]
    },
    () => {
      header[draw.oneOf(['__proto__', '', 'x\0', 'constructor', 'features.0.weight'])] = entry
    },
    () => {
      delete header[name]
    },
    () => {
      header.__metadata__ = { preprocessing: jsonOf(anything(draw)), architecture: '\0' }
    },
  ])()
  return Buffer.from(JSON.stringify(header))
}

/** JSON of which one value anywhere is another, or is missing. */
function alteredJson(draw: Draw, text: string): Buffer {
  const root = JSON.parse(text)
  let at = root
  for (;;) {
    const key = draw.oneOf(Object.keys(at))
    const below = at[key]
    const goesOn = typeof below === 'object' && below !== null && Object.keys(below).length > 0
    if (goesOn && draw.chance(0.85)) at = below
    else {
      if (draw.chance(0.25)) delete at[key]
      else
        at[key] = draw.chance(0.5)
          ? draw.oneOf([...EXTREMES, ...OPTIONS, null, [], {}])
          : JSON.parse(jsonOf(anything(draw, 2)))
      return Buffer.from(JSON.stringify(root))
    }
  }
}
