import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { zipOf } from '../../support/archives.ts'
import { noisePixels } from '../../support/images.ts'
import { classFolders, entriesOf, folderOf, picture } from '../../support/importing.ts'
import { completeRun } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { type FilePart, sendFiles } from '../../support/upload.ts'

/*
 * The journey of a data set of one's own over the API, with archives that a test draws.
 */

const REFUSALS = '... on ValidationError { issues { path message } } ... on Error { message }'
const CREATE = `mutation ($input: CreateDatasetInput!) { createDataset(input: $input) {
  __typename ... on Dataset { id reference state classes } ${REFUSALS}
} }`
const UPDATE = `mutation ($input: UpdateDatasetInput!) { updateDataset(input: $input) {
  __typename ... on Dataset { reference state parent { reference } } ${REFUSALS}
} }`
const ADD = `mutation ($input: AddPicturesInput!) { addPictures(input: $input) {
  __typename ... on DatasetUpload { id count bytes labels { label count } } ${REFUSALS}
} }`
const DELETE = `mutation ($name: String!) { deleteDataset(name: $name) {
  __typename ... on Dataset { reference state } ... on Error { message }
} }`

let server: TestServer
let zip: Buffer
beforeAll(async () => {
  server = await sharedServer()
  const files = await classFolders({ 'pets/cat': 6, 'pets/dog': 6 })
  const strange = { 'pets/dog/broken.png': 'no picture', 'pets/dog/0 again.png': files['pets/dog/0.png']! }
  zip = zipOf(entriesOf({ ...files, ...strange }))
})
afterAll(stopServers)

async function create(input: object, files: Record<string, FilePart> = {}) {
  const { body } = await sendFiles(server, CREATE, { input }, files)
  expect(body.errors).toBeUndefined()
  return body.data.createDataset
}

async function update(input: object) {
  return (await server.query(UPDATE, { input })).updateDataset
}

/** Follows an import to its end; answers every state that it was told, with progress. */
async function imported(reference: string): Promise<{ state: string; progress: number }[]> {
  const told = []
  const events = server.subscribe(
    'subscription ($name: String!) { datasetChanged(name: $name) { import { state progress error } } }',
    { name: reference },
  )
  for await (const { data, errors } of events) {
    expect(errors).toBeUndefined()
    const now = data.datasetChanged.import
    told.push(now)
    if (!['QUEUED', 'IMPORTING'].includes(now.state)) break
  }
  return told
}

/** Creates it of the archive of cats and dogs, and waits until it is there. */
async function createReady(name: string, more: object = {}): Promise<void> {
  const input = { name, from: { archive: null }, size: [32, 32], ...more }
  const { reference } = await create(input, { 'input.from.archive': { name: 'pets.zip', bytes: zip } })
  expect((await imported(reference)).at(-1)).toMatchObject({ state: 'READY', progress: 1, error: null })
}

test('an archive becomes a data set, whose import is told live and says what was refused', async () => {
  const archive = { name: 'pets.zip', bytes: zip }
  const made = await create(
    { name: 'pets', from: { archive: null }, size: [32, 40], testShare: 0.34, idempotencyKey: 'pets once' },
    { 'input.from.archive': archive },
  )
  expect(made).toMatchObject({ reference: 'pets@1', state: 'IMPORTING', classes: [] })
  const told = await imported('pets@1')
  expect(told.map(({ progress }) => progress)).toEqual(told.map(({ progress }) => progress).sort())
  expect(told.at(-1)).toEqual({ state: 'READY', progress: 1, error: null })

  const { dataset, node } = await server.query(
    `query ($id: ID!) {
      node(id: $id) { ... on Dataset { reference } }
      dataset(name: "pets") {
        name reference version state classes trainCount testCount imageShape bytes digest source parent { name } edits { excluded }
        normalization { mean std }
        classCounts { label train test }
        import {
          origin layout files settings { size resize testShare seed }
          findingCounts { kind count }
          findings(kind: REFUSED, first: 5) { totalCount edges { node { kind path message sample { index } } } }
          twice: findings(kind: DUPLICATE, first: 5) { edges { node {
            path other sample { index } otherSample { split index label image(scale: 1) }
          } } }
        }
      }
    }`,
    { id: made.id },
  )
  expect(node.reference).toBe('pets@1')
  expect(dataset).toMatchObject({
    name: 'pets',
    reference: 'pets@1',
    version: 1,
    state: 'READY',
    classes: ['cat', 'dog'],
    trainCount: 8,
    testCount: 4,
    imageShape: [32, 40, 3],
    source: 'pets.zip',
    parent: null,
    edits: null,
    classCounts: [
      { label: 'cat', train: 4, test: 2 },
      { label: 'dog', train: 4, test: 2 },
    ],
    import: {
      origin: 'pets.zip',
      layout: 'a folder for each class',
      settings: { size: [32, 40], resize: 'COVER', testShare: 0.34, seed: 0 },
      findings: {
        totalCount: 1,
        edges: [{ node: { kind: 'REFUSED', path: 'pets/dog/broken.png', sample: null } }],
      },
    },
  })
  expect(dataset.import.findingCounts).toContainEqual({ kind: 'REFUSED', count: 1 })
  // A picture that was left out is nowhere; the one that it is the same as is shown.
  const [{ node: twice }] = dataset.import.twice.edges
  expect(twice).toMatchObject({ path: 'pets/dog/0.png', other: 'pets/dog/0 again.png', sample: null })
  const { split, index, label, image } = twice.otherSample
  expect(label).toBe('dog')
  const { dataset: there } = await server.query(
    `query ($split: Split!) { dataset(name: "pets@1") { images(split: $split, class: "dog", first: 10) {
      edges { node { index image(scale: 1) } }
    } } }`,
    { split },
  )
  expect(there.images.edges.map(({ node }: { node: object }) => node)).toContainEqual({ index, image })
  expect(dataset.bytes).toBeGreaterThan(12 * 32 * 40 * 3)
  expect(dataset.normalization.std.every((value: number) => value > 0)).toBe(true)

  // The same request is answered by the same version, another one of this name is refused.
  const again = await create(
    { name: 'pets', from: { archive: null }, size: [32, 40], testShare: 0.34, idempotencyKey: 'pets once' },
    { 'input.from.archive': archive },
  )
  expect(again).toMatchObject({ reference: 'pets@1', state: 'READY' })
  const other = await create({ name: 'pets', from: { dataset: 'tiny' }, size: [32, 32] })
  expect(other).toMatchObject({
    __typename: 'ConflictError',
    message: expect.stringMatching(/pets already \(pets@1\)/),
  })
})

test('the pictures of a class come in pages, each with its label and its pixels', async () => {
  await createReady('pages')
  const query = `query ($after: String) { dataset(name: "pages@1") { images(split: TRAIN, class: "dog", first: 2, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } edges { node { index label image(scale: 1) } }
  } } }`
  const seen: { index: number; label: string; image: string }[] = []
  let after: string | null = null
  do {
    const { dataset } = await server.query(query, { after })
    const { images } = dataset
    expect(images.totalCount).toBe(5)
    seen.push(...images.edges.map(({ node }: { node: (typeof seen)[number] }) => node))
    after = images.pageInfo.hasNextPage ? images.pageInfo.endCursor : null
  } while (after !== null)
  expect(seen.map(({ label }) => label)).toEqual(Array(5).fill('dog'))
  expect(new Set(seen.map(({ index }) => index)).size).toBe(5)
  const { info } = await sharp(Buffer.from(seen[0]!.image.split(',')[1]!, 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true })
  expect(info).toMatchObject({ width: 32, height: 32, channels: 3 })
})

test('an edit makes the next version, which says what it was made of, and the one before stays', async () => {
  await createReady('edited')
  const renamed = await update({
    name: 'edited',
    edits: {
      classes: [{ from: 'cat', to: 'lion' }],
      relabel: [{ split: 'TRAIN', index: 0, label: 'dog' }],
      exclude: [{ split: 'TEST', index: 0 }],
    },
  })
  expect(renamed).toMatchObject({ reference: 'edited@2', parent: { reference: 'edited@1' } })
  await imported('edited@2')
  const { dataset, before } = await server.query(`{
    dataset(name: "edited") {
      reference classes trainCount testCount
      edits { classes { from to } relabelled excluded mostOfClass }
      versions { reference state }
    }
    before: dataset(name: "edited@1") { reference classes trainCount testCount }
  }`)
  expect(dataset).toEqual({
    reference: 'edited@2',
    classes: ['lion', 'dog'],
    trainCount: 10,
    testCount: 1,
    edits: { classes: [{ from: 'cat', to: 'lion' }], relabelled: 1, excluded: 1, mostOfClass: null },
    versions: [
      { reference: 'edited@2', state: 'READY' },
      { reference: 'edited@1', state: 'READY' },
    ],
  })
  expect(before).toMatchObject({ classes: ['cat', 'dog'], trainCount: 10, testCount: 2 })
  expect(await update({ name: 'edited' })).toMatchObject({
    issues: [{ message: expect.stringMatching(/Nothing .* would change/) }],
  })
  expect(await update({ name: 'tiny', edits: { mostOfClass: 1 } })).toMatchObject({
    __typename: 'ConflictError',
  })
})

test('pictures that are sent in several calls become a data set, once each', async () => {
  const file = async (seed: number, name: string) => ({ name, bytes: await picture(seed) })
  const send = async (labels: string[], seed: number) => {
    const files: Record<string, FilePart> = {}
    for (const i of labels.keys()) files[`input.pictures.${i}.file`] = await file(seed + i, `${seed + i}.png`)
    const pictures = labels.map((label) => ({ file: null, label }))
    const { body } = await sendFiles(server, ADD, { input: { upload: 'by-hand', pictures } }, files)
    return body.data.addPictures
  }
  await send(['red', 'red', 'a/b 😀'], 100)
  // Whoever had no answer sends the same again.
  const twice = await send(['red', 'red', 'a/b 😀'], 100)
  expect(twice).toMatchObject({
    count: 3,
    labels: [
      { label: 'red', count: 2 },
      { label: 'a/b 😀', count: 1 },
    ],
  })
  expect(await send(['a/b 😀', 'a/b 😀'], 200)).toMatchObject({ id: 'by-hand', count: 5 })
  const input = { name: 'by_hand', from: { upload: 'by-hand' }, size: [32, 32], idempotencyKey: 'by hand' }
  // A request that is refused costs nothing that was sent.
  expect(await create({ ...input, name: 'tiny', idempotencyKey: 'no' })).toMatchObject({
    issues: [{ path: ['name'] }],
  })
  const made = await create(input)
  await imported(made.reference)
  expect(await create(input)).toMatchObject({ reference: made.reference, state: 'READY' })
  const { dataset } = await server.query('{ dataset(name: "by_hand") { classes trainCount testCount } }')
  expect(dataset.classes).toEqual(['a/b 😀', 'red'])
  expect(dataset.trainCount + dataset.testCount).toBe(5)
  expect(await create({ ...input, idempotencyKey: 'another' })).toMatchObject({
    __typename: 'NotFoundError',
    message: expect.stringMatching(/no upload "by-hand"/),
  })
})

test('a network learns it, and what learned names the version that it learned from', async () => {
  await createReady('learned', { resize: 'CONTAIN', background: '#808080' })
  const id = await completeRun(server, { dataset: 'learned', epochs: 1, batchSize: 4, trainLimit: undefined })
  const run = `query ($id: ID!) { trainingRun(id: $id) {
    dataset { name reference state classes }
    evaluation { accuracy dataset { reference classes } confusions(first: 1) { count } }
    modelVersions { id dataset { reference } preprocessing { size resize background labels } }
  } }`
  const { trainingRun } = await server.query(run, { id })
  expect(trainingRun).toMatchObject({
    dataset: { name: 'learned', reference: 'learned@1', state: 'READY' },
    evaluation: { dataset: { reference: 'learned@1' } },
    modelVersions: [
      {
        dataset: { reference: 'learned@1' },
        preprocessing: {
          size: [32, 32],
          resize: 'CONTAIN',
          background: '#808080',
          labels: ['cat', 'dog'],
        },
      },
    ],
  })
  const model = { versionId: trainingRun.modelVersions[0].id }
  const { predict, evaluateModel } = await server.query(
    `mutation ($input: PredictInput!, $id: ID!) {
      predict(input: $input) { ... on Prediction { label neighbours(first: 2) { sample { label } } } ... on Error { message } }
      evaluateModel(id: $id) { ... on ModelVersion { evaluation { dataset { reference } count } } ... on Error { message } }
    }`,
    {
      input: { image: { sample: { dataset: 'learned', split: 'TEST', index: 0 } }, model },
      id: model.versionId,
    },
  )
  expect(['cat', 'dog']).toContain(predict.label)
  expect(predict.neighbours).toHaveLength(2)
  expect(evaluateModel.evaluation).toMatchObject({ dataset: { reference: 'learned@1' }, count: 2 })

  // It is deleted, and what learned from it goes on telling of it.
  expect((await server.query(DELETE, { name: 'learned' })).deleteDataset).toEqual({
    __typename: 'Dataset',
    reference: 'learned@1',
    state: 'DELETED',
  })
  const after = await server.query(run, { id })
  expect(after.trainingRun).toMatchObject({
    dataset: { name: 'learned', reference: 'learned@1', state: 'DELETED', classes: ['cat', 'dog'] },
    evaluation: { dataset: { classes: ['cat', 'dog'] } },
  })
  const { datasets } = await server.query('{ datasets { reference } }')
  expect(datasets).not.toContainEqual({ reference: 'learned@1' })
  const gone = await server.query(
    `mutation ($id: ID!, $run: StartTrainingRunInput!) {
      evaluateModel(id: $id) { __typename ... on Error { message } }
      startTrainingRun(input: $run) { ... on ValidationError { issues { path message } } }
    }`,
    { id: model.versionId, run: { architecture: 'vgg_mini', dataset: 'learned@1' } },
  )
  expect(gone.evaluateModel).toMatchObject({
    __typename: 'NotFoundError',
    message: expect.stringMatching(/learned@1 was deleted/),
  })
  expect(gone.startTrainingRun.issues).toMatchObject([
    { path: ['dataset'], message: expect.stringMatching(/learned@1 was deleted/) },
  ])
  // A number is never given twice.
  await createReady('learned').catch(() => {})
  expect((await server.query('{ dataset(name: "learned") { reference } }')).dataset.reference).toBe(
    'learned@2',
  )
})

test('a data set that runs need is not deleted, and a run that is asked for again is the one of its version', async () => {
  await createReady('needed')
  const start = async () => {
    const input = { architecture: 'vgg_mini', dataset: 'needed', epochs: 1000, batchSize: 4 }
    const { startTrainingRun } = await server.query(
      `mutation ($input: StartTrainingRunInput!) { startTrainingRun(input: $input) {
        ... on TrainingRun { id number dataset { reference } } ... on Error { message }
      } }`,
      { input: { ...input, idempotencyKey: 'a run that needs' } },
    )
    return startTrainingRun
  }
  const run = await start()
  const { deleteDataset } = await server.query(DELETE, { name: 'needed@1' })
  expect(deleteDataset).toMatchObject({
    __typename: 'ConflictError',
    message: expect.stringContaining(`run #${run.number} (`),
  })
  await update({ name: 'needed', edits: { mostOfClass: 2 } })
  await imported('needed@2')
  expect(await start()).toEqual({ ...run, dataset: { reference: 'needed@1' } })
  await server.query('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', { id: run.id })
})

test('the files of CIFAR-100 are learned from by their fine or their coarse labels, and mistakes of a hundred classes are told', async () => {
  const record = (label: number, seed: number) =>
    Buffer.concat([Buffer.of(Math.floor(label / 5), label), noisePixels(seed)])
  const all = Array.from({ length: 100 }, (_, i) => i)
  const bytes = zipOf(
    entriesOf({
      'cifar-100-binary/train.bin': Buffer.concat(all.map((label) => record(label, label))),
      'cifar-100-binary/test.bin': Buffer.concat(all.slice(0, 40).map((label) => record(label, 100 + label))),
      'cifar-100-binary/coarse_label_names.txt': all
        .slice(0, 20)
        .map((i) => `group ${i}`)
        .join('\n'),
    }),
  )
  const make = async (name: string, labels: 'FINE' | 'COARSE') => {
    const input = { name, from: { archive: null }, size: [32, 32], labels }
    const { reference } = await create(input, { 'input.from.archive': { name: 'cifar-100.zip', bytes } })
    await imported(reference)
    const { dataset } = await server.query(
      'query ($name: String!) { dataset(name: $name) { classes trainCount import { settings { labels } } } }',
      { name },
    )
    expect(dataset).toMatchObject({ trainCount: 100, import: { settings: { labels } } })
    return dataset.classes
  }
  expect(await make('coarse', 'COARSE')).toEqual(all.slice(0, 20).map((i) => `group ${i}`))
  const fine = await make('fine', 'FINE')
  expect(fine).toEqual(all.map(String))

  const id = await completeRun(server, { dataset: 'fine', batchSize: 32 })
  const { trainingRun } = await server.query(
    `query ($id: ID!) { trainingRun(id: $id) { evaluation {
      confusionMatrix perClass { label } confusions(first: 100) { label predicted count }
    } } }`,
    { id },
  )
  const { confusionMatrix, perClass, confusions } = trainingRun.evaluation
  expect([confusionMatrix.length, confusionMatrix[99].length, perClass.length]).toEqual([100, 100, 100])
  const mistaken = confusionMatrix.flat().reduce((sum: number, count: number) => sum + count)
  expect(mistaken).toBe(32)
  expect(confusions.length).toBeGreaterThan(0)
  for (const { label, predicted, count } of confusions) {
    expect(confusionMatrix[fine.indexOf(label)][fine.indexOf(predicted)]).toBe(count)
  }
})

test.each<[string, object, string[][]]>([
  [
    'a name with capitals, a size and a share that cannot be',
    { name: 'Pets', size: [31, 225], testShare: 1, seed: -1 },
    [['name'], ['size'], ['testShare'], ['seed']],
  ],
  ['a name of a path', { name: '../pets' }, [['name']]],
  ['a name of a version', { name: 'pets@7' }, [['name']]],
  ['a built-in name', { name: 'cifar10' }, [['name']]],
  ['a colour that is none', { name: 'ok', resize: 'CONTAIN', background: 'red' }, [['background']]],
  ['a colour without bars', { name: 'ok', background: '#ffffff' }, [['background']]],
  ['one side', { name: 'ok', size: [64] }, [['size']]],
  ['coarse labels of what has none', { name: 'ok', labels: 'COARSE' }, [['labels']]],
  ['no pictures', { name: 'ok', from: { pictures: [] } }, [['from', 'pictures']]],
  ['a folder, where the server reads none', { name: 'ok', from: { folder: 'pets' } }, [['from', 'folder']]],
  [
    'edits of what is no data set',
    { name: 'ok', from: { folder: 'pets' }, edits: { mostOfClass: 1 } },
    [['edits'], ['from', 'folder']],
  ],
  [
    'edits of what is not there',
    {
      name: 'ok',
      edits: {
        classes: [
          { from: 'mouse', to: 'x' },
          { from: 'red disc', to: ' ' },
          { from: 'red disc', to: null },
        ],
        relabel: [{ split: 'TEST', index: 60, label: '\u202e' }],
        exclude: [
          { split: 'TRAIN', index: 1 },
          { split: 'TRAIN', index: 1 },
          { split: 'TRAIN', index: -1 },
        ],
        mostOfClass: 0,
      },
    },
    [
      ['edits', 'classes', '0', 'from'],
      ['edits', 'classes', '1', 'to'],
      ['edits', 'classes', '2', 'from'],
      ['edits', 'relabel', '0', 'index'],
      ['edits', 'relabel', '0', 'label'],
      ['edits', 'exclude', '1'],
      ['edits', 'exclude', '2', 'index'],
      ['edits', 'mostOfClass'],
    ],
  ],
  [
    'a class that is left alone',
    {
      name: 'ok',
      edits: {
        classes: [
          { from: 'red disc', to: 'x' },
          { from: 'green square', to: 'x' },
          { from: 'blue triangle', to: 'x' },
        ],
      },
    },
    [['edits', 'classes']],
  ],
  ['a blank key', { name: 'ok', idempotencyKey: ' ' }, [['idempotencyKey']]],
])('%s is refused by its path', async (_what, input, paths) => {
  const { issues } = await create({ from: { dataset: 'tiny' }, size: [32, 32], ...input })
  expect(issues.map(({ path }: { path: string[] }) => path)).toEqual(paths)
})

test('an import that fails says why, and its name is free again', async () => {
  const bytes = readFileSync(import.meta.filename)
  const { reference } = await create(
    { name: 'failing', from: { archive: null } },
    { 'input.from.archive': { name: 'a.zip', bytes } },
  )
  const [last] = (await imported(reference)).slice(-1)
  expect(last).toMatchObject({ state: 'FAILED', error: expect.stringMatching(/\.$/) })
  const { startTrainingRun } = await server.query(
    `mutation { startTrainingRun(input: { architecture: "vgg_mini", dataset: "failing" }) {
      ... on ValidationError { issues { path message } }
    } }`,
  )
  expect(startTrainingRun.issues).toMatchObject([
    { path: ['dataset'], message: expect.stringMatching(/failing@1 was not imported/) },
  ])
  await createReady('failing')
  expect((await server.query('{ dataset(name: "failing") { reference } }')).dataset.reference).toBe(
    'failing@2',
  )
})

test('the command line makes one of a folder, changes it and deletes it', async () => {
  const folder = folderOf({
    ...(await classFolders({ 'große Katzen': 4, [`${'long '.repeat(19)}name`]: 4 })),
    '.hidden/1.png': 'left out',
  })
  const cli = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((done) => {
      const main = resolve(import.meta.dirname, '../../../dist/cli/main.js')
      const env = { ...process.env, VGGZOO_URL: server.url }
      execFile(process.execPath, [main, 'dataset', ...args], { env }, (error, out, err) =>
        done({ code: (error?.code as number | undefined) ?? 0, out, err }),
      )
    })
  const made = await cli('create', 'by_cli', folder, '--size', '32x32', '--test-share', '0.25')
  expect(made.out).toContain('by_cli@1: 6 training and 2 test images of 2 classes.')
  expect(made.code).toBe(0)
  const [renamed, listed, wrong, coarse, again] = await Promise.all([
    cli('rename-class', 'by_cli', 'große Katzen', 'lions', '--json'),
    cli('list'),
    cli('create', 'by_cli', folder, '--size', '32'),
    cli('create', 'coarse_cli', folder, '--labels', 'coarse'),
    cli('create', 'tiny', 'cifar10', '--from'),
  ])
  expect(JSON.parse(renamed.out)).toMatchObject({ reference: 'by_cli@2', state: 'READY' })
  expect(listed.out).toMatch(/^by_cli@[12] +READY +2 +6 +2 +32x32$/m)
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('--size') })
  expect(coarse).toMatchObject({ code: 1, err: expect.stringContaining('Import it without the labels') })
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('Choose another name') })
  const deleted = await cli('delete', 'by_cli')
  expect(deleted).toMatchObject({ code: 0, out: 'by_cli is deleted.\n' })
  expect((await server.query('{ dataset(name: "by_cli") { state } }')).dataset).toBeNull()
})
