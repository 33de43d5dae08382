import { createWriteStream, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readBackup } from '../../../src/maintenance/read-backup.ts'
import { vggzoo } from '../../support/cli.ts'
import { completeRun, finalDigest, isStatus, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { mountSmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const TRAINED = 'query Trained($id: ID!) { trainingRun(id: $id) { modelVersions { id digest } } }'
const ATTEMPTS = 'query Attempts($id: ID!) { trainingRun(id: $id) { losses { attempt } } }'
const PREDICT = `mutation Predict($image: ImageInput!) {
  predict(input: { image: $image }) { __typename ... on Prediction { modelVersion { id } } }
}`
const DELETE_VERSION = `mutation DeleteVersion($id: ID!) {
  deleteModelVersion(id: $id) { __typename ... on Error { message } }
}`
const DELETE_RUN = `mutation DeleteRun($id: ID!) {
  deleteTrainingRun(id: $id) { __typename ... on Error { message } }
}`

/** The same for both servers, and nothing to try. */
const ENGINE = { ENGINE: 'native', NATIVE_THREADS: '1' }

let server: TestServer
beforeAll(async () => {
  server = await startServer({ env: ENGINE })
})
afterAll(stopServers)

const weightsOf = (dataDir: string, digest: string) => join(dataDir, 'artifacts', `${digest}.safetensors`)
const post = (url: string, init: RequestInit = {}) => fetch(url, { method: 'POST', ...init })
const save = ({ body }: Response, file: string) =>
  pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(file))

test('a server that trains is backed up, restored elsewhere, and its run ends there with the same bytes', async () => {
  const first = await completeRun(server)
  const [old] = (await server.query(TRAINED, { id: first })).trainingRun.modelVersions
  const run = await startRun(server, { epochs: 6, trainLimit: 240 })
  await waitForEvent(server, run, ({ __typename }) => __typename === 'CheckpointSaved')

  // Its client stands still when the archive has begun: the database is copied, most files are still to be read.
  const backup = await post(`${server.url}/backup`)
  expect(backup.headers.get('content-type')).toBe('application/x-tar')
  for (const path of ['/backup', '/check']) {
    const other = await post(`${server.url}${path}`)
    const said = 'A backup is under way. Try again when it has ended.\n'
    expect([other.status, await other.text()]).toEqual([409, said])
  }
  // Meanwhile it does what it always does.
  const image = { sample: { dataset: 'tiny', split: 'TEST', index: 5 } }
  const { predict } = await server.query(PREDICT, { image })
  expect(predict).toEqual({ __typename: 'Prediction', modelVersion: { id: old.id } })
  const { deleteModelVersion } = await server.query(DELETE_VERSION, { id: old.id })
  const { deleteTrainingRun } = await server.query(DELETE_RUN, { id: first })
  expect([deleteModelVersion.__typename, deleteTrainingRun.__typename]).toEqual([
    'ModelVersion',
    'TrainingRun',
  ])
  expect(existsSync(weightsOf(server.dataDir, old.digest))).toBe(true)

  const folder = temporaryFolder()
  const file = join(folder, 'backup.tar')
  await save(backup, file)
  await expect.poll(() => existsSync(weightsOf(server.dataDir, old.digest))).toBe(false)
  expect(readdirSync(server.dataDir)).not.toContain('backup.tmp')

  const dataDir = join(folder, 'elsewhere')
  await expect(vggzoo(['restore', file], { DATA_DIR: dataDir })).resolves.toMatchObject({ code: 0, err: '' })
  const check = await vggzoo(['check', '--json'], { DATA_DIR: dataDir })
  expect([check.code, JSON.parse(check.out)]).toMatchObject([0, { findings: [] }])

  const elsewhere = await startServer({ dataDir, env: ENGINE })
  expect((await elsewhere.query(TRAINED, { id: first })).trainingRun.modelVersions).toEqual([old])
  await Promise.all([server, elsewhere].map((one) => waitForEvent(one, run, isStatus('COMPLETED'))))
  expect(await finalDigest(elsewhere, run)).toBe(await finalDigest(server, run))
  // It did not begin anew.
  const { losses } = (await elsewhere.query(ATTEMPTS, { id: run })).trainingRun
  expect(new Set(losses.map(({ attempt }: { attempt: number }) => attempt))).toEqual(new Set([1, 2]))

  writeFileSync(weightsOf(dataDir, old.digest), 'damaged')
  const lines = (await (await post(`${elsewhere.url}/check`)).text()).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ kind: 'DAMAGED', what: `artifacts/${old.digest}.safetensors` }),
    { checked: { files: expect.any(Number), bytes: expect.any(Number) } },
  ])
  await save(await post(`${elsewhere.url}/backup`), file)
  await expect(readBackup(file)).rejects.toThrow(
    /^The server could not finish it\. .+ is damaged: its sha256 is not its name\. .*vggzoo check/,
  )
})

test('a client that goes away ends its backup, and the next one is made', async () => {
  const leaving = new AbortController()
  expect(await post(`${server.url}/backup`, { signal: leaving.signal })).toMatchObject({ status: 200 })
  leaving.abort()
  await server.logged(({ msg }) => msg === 'a backup was left by its client')
  expect(readdirSync(server.dataDir)).not.toContain('backup.tmp')
  // Who has the last byte may ask for the next thing.
  expect((await (await post(`${server.url}/backup`)).arrayBuffer()).byteLength).toBeGreaterThan(2 ** 20)
  expect((await post(`${server.url}/check`)).status).toBe(200)

  const file = join(temporaryFolder(), 'again.tar.gz')
  const { code, out } = await vggzoo(['backup', file, '--json'], { VGGZOO_URL: server.url })
  expect([code, JSON.parse(out)]).toMatchObject([0, { file, database: 'pglite' }])
  expect(statSync(file).size).toBeLessThan(JSON.parse(out).bytes)
  // On the folder that this server has, so that it is the server that is asked.
  const folder = { DATA_DIR: server.dataDir, PORT: new URL(server.url).port }
  await expect(vggzoo(['check'], folder)).resolves.toMatchObject({
    code: 0,
    out: expect.stringMatching(/read through: all is well\.\n$/),
  })
})

test.skipIf(skipsSmallDisks)('a full disk at the client leaves nothing there, and says so', async () => {
  const disk = mountSmallDisk(4)
  try {
    const file = join(disk.folder, 'backup.tar')
    await expect(vggzoo(['backup', file], { VGGZOO_URL: server.url })).resolves.toMatchObject({
      code: 1,
      err: `${file}.part cannot be written (ENOSPC).\n`,
    })
    expect(readdirSync(disk.folder)).toEqual([])
  } finally {
    disk.unmount()
  }
})

test('only POST asks for it, and no page of another origin', async () => {
  for (const path of ['/backup', '/check']) {
    expect((await fetch(`${server.url}${path}`)).status).toBe(405)
    const foreign = await post(`${server.url}${path}`, { headers: { origin: 'https://page.example' } })
    expect(foreign.status).toBe(403)
  }
})
