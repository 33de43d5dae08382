import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { tarOf, zipOf } from '../../../support/archives.ts'
import { noisePixels } from '../../../support/images.ts'
import { archive, classFolders, entriesOf, folderOf, importing, picture } from '../../../support/importing.ts'

const zip = (files: Record<string, Uint8Array | string>) => archive(zipOf(entriesOf(files)))

describe('a folder for each class', () => {
  test('is imported the same from a .zip, a .tar, a .tar.gz and a folder, whatever order they list it in', async () => {
    const files = await classFolders({ dog: 4, cat: 8 })
    const entries = entriesOf(files)
    const origins = [
      archive(zipOf(entries)),
      archive(zipOf(entries.toReversed().map((entry, i) => ({ ...entry, method: i % 2 === 0 ? 0 : 8 })))),
      archive(tarOf(entries)),
      archive(gzipSync(tarOf(entries.toReversed().map((entry) => ({ ...entry, isPax: true }))))),
      { kind: 'folder', path: folderOf(files) } as const,
    ]
    const outcomes = []
    for (const origin of origins) outcomes.push(await importing(origin))
    const [first, ...others] = outcomes
    expect(first!.facts).toMatchObject({
      name: 'pets@1',
      classes: ['cat', 'dog'],
      count: { train: 9, test: 3 },
      imageShape: [32, 32, 3],
    })
    expect(first!.summary).toEqual({
      files: 12,
      images: 12,
      findings: { FEW_PICTURES: 2 },
      layout: 'a folder for each class',
      smallest: [40, 40],
      largest: [40, 40],
    })
    // Not one class after the other: who trains with the first few images has some of each.
    expect(new Set(first!.dataset.train.labels.subarray(0, 6)).size).toBe(2)
    expect([...first!.dataset.test.labels].sort()).toEqual([0, 0, 1])
    for (const other of others) expect([other.digest, other.facts]).toEqual([first!.digest, first!.facts])
    expect(first!.progress.at(-1)).toEqual({ phase: 'WRITING', done: 12, total: 12 })
  })

  test('may lie below wrapping folders, with more folders in it and other files beside', async () => {
    const { facts, summary, told } = await importing(
      zip({
        'pets-main/README.md': 'pets',
        'pets-main/photos/cat/a.png': await picture(1),
        'pets-main/photos/cat/2024/b.png': await picture(2),
        'pets-main/photos/cat/notes.txt': 'a cat',
        'pets-main/photos/dog/a': await picture(3),
        'pets-main/photos/dog/b.PNG': await picture(4),
        'pets-main/photos/dog/c': 'not a picture',
        'pets-main/photos/dog/d.jpg': 'not a picture',
        'pets-main/photos/dog/more.zip': zipOf([]),
        'pets-main/photos/cover.png': await picture(5),
        'pets-main/photos/empty/.keep': '',
        '__MACOSX/pets-main/photos/cat/._a.png': 'x',
        'pets-main/.DS_Store': 'x',
        'pets-main/photos/cat/Thumbs.db': 'x',
      }),
    )
    expect(facts).toMatchObject({ classes: ['cat', 'dog'], count: { train: 2, test: 2 } })
    expect(summary.files).toBe(14)
    expect(told).toEqual([
      'FEW_PICTURES cat',
      'FEW_PICTURES dog',
      'REFUSED pets-main/photos/dog/d.jpg',
      'SKIPPED __MACOSX/pets-main/photos/cat/._a.png',
      'SKIPPED pets-main/.DS_Store',
      'SKIPPED pets-main/README.md',
      'SKIPPED pets-main/photos/cat/Thumbs.db',
      'SKIPPED pets-main/photos/cat/notes.txt',
      'SKIPPED pets-main/photos/cover.png',
      'SKIPPED pets-main/photos/dog/c',
      'SKIPPED pets-main/photos/dog/more.zip',
      'SKIPPED pets-main/photos/empty/.keep',
    ])
  })
})

describe('folders for training and testing', () => {
  test.each([
    ['train', 'test', null],
    ['training_set', 'test_set', null],
    ['Train', 'validation', null],
    ['train', 'test', 'val'],
  ])('keep the split that they have: %s, %s, %s', async (train, held, other) => {
    const files = await classFolders({
      [`${train}/cat`]: 3,
      [`${train}/dog`]: 2,
      [`${held}/cat`]: 1,
      [`${held}/dog`]: 1,
    })
    if (other !== null) Object.assign(files, await classFolders({ [`${other}/cat`]: 2 }, 50))
    const { facts, dataset, summary } = await importing(zip(files))
    expect(facts.classes).toEqual(['cat', 'dog'])
    expect(facts.count).toEqual({ train: other === null ? 5 : 7, test: 2 })
    expect([...dataset.test.labels].sort()).toEqual([0, 1])
    expect(summary.layout).toMatch(
      /^folders for training, .*with a folder for each class in each|^folders for training and /,
    )
    expect(summary.layout.includes('training images')).toBe(other !== null)
  })

  test('may each be wrapped once more, and what lies beside them is left out', async () => {
    const files = await classFolders({
      'x/train/train/cat': 2,
      'x/train/train/dog': 2,
      'x/test/test/cat': 1,
      'x/test/test/dog': 1,
      'x/pred': 1,
    })
    const { facts, told } = await importing(zip(files))
    expect(facts).toMatchObject({ classes: ['cat', 'dog'], count: { train: 4, test: 2 } })
    expect(told).toContain('SKIPPED x/pred/0.png')
  })

  test('of which one alone is there are split by the share', async () => {
    const files = await classFolders({ 'train/cat': 4, 'train/dog': 4 })
    expect((await importing(zip(files))).facts.count).toEqual({ train: 6, test: 2 })
  })

  test('are classes where they are not told apart', async () => {
    const files = await classFolders({ train: 2, bus: 2, car: 2 })
    expect((await importing(zip(files))).facts.classes).toEqual(['bus', 'car', 'train'])
  })
})

describe('a table beside pictures', () => {
  const PICTURES = { cat: [0, 1, 2], dog: [3, 4, 5] }
  const files = async () => {
    const all: Record<string, Buffer> = {}
    for (const seed of Object.values(PICTURES).flat()) all[`images/${seed}.png`] = await picture(seed)
    return all
  }
  const rows = (write: (seed: number, label: string) => string) =>
    Object.entries(PICTURES).flatMap(([label, seeds]) => seeds.map((seed) => write(seed, label)))

  test.each<[string, (write: typeof rows) => string]>([
    [
      'with a header',
      (of) => ['path,label', ...of((seed, label) => `images/${seed}.png,${label}`)].join('\n'),
    ],
    ['without one', (of) => of((seed, label) => `images/${seed}.png,${label}`).join('\n')],
    [
      'with semicolons and other columns',
      (of) =>
        ['label;width;filename', ...of((seed, label) => `${label};40;./images/${seed}.png`)].join('\r\n'),
    ],
    [
      'with tabs, quotes and a mark of its encoding',
      (of) =>
        `\ufeff${['Image\tClass Name', ...of((seed, label) => `"images\\${seed}.png"\t"${label}"`)].join('\n')}`,
    ],
    [
      'with names alone, without their endings',
      (of) => ['image_id,category', ...of((seed, label) => `${seed},${label}`)].join('\n'),
    ],
  ])('%s gives their labels', async (_how, write) => {
    const { facts, summary, told } = await importing(zip({ ...(await files()), 'labels.csv': write(rows) }))
    expect(facts).toMatchObject({ classes: ['cat', 'dog'], count: { train: 4, test: 2 } })
    expect(summary.layout).toBe('pictures with their labels in labels.csv')
    expect(told.filter((it) => !it.startsWith('FEW'))).toEqual([])
  })

  test('gives their splits too, and whatever label is text, slashes and emoji included', async () => {
    const table = [
      'file,label,split',
      ...[0, 1, 2].map((seed) => `images/${seed}.png,cats/wild 🐈,${seed === 2 ? 'valid' : 'train'}`),
      ...[3, 4, 5].map((seed) => `images/${seed}.png,"dog, ""tame""",${seed === 5 ? 'test' : 'Training'}`),
    ]
    const { facts, summary, dataset } = await importing(
      zip({ ...(await files()), 'a/labels.csv': table.join('\n') }),
    )
    expect(facts).toMatchObject({ classes: ['cats/wild 🐈', 'dog, "tame"'], count: { train: 5, test: 1 } })
    expect([...dataset.test.labels]).toEqual([1])
    expect(summary.layout).toBe(
      'pictures with their labels and splits in a/labels.csv; its images for validation are taken as training images',
    )
  })

  test('has findings for rows and pictures that have no other half', async () => {
    const table = [
      'file,label,split',
      ...rows((seed, label) => `images/${seed}.png,${label},`),
      'images/9.png,cat,',
      'images/0.png,cat,',
      'images/1.png,,',
      'images/2.png,cat,somewhere',
      ',cat,',
      '../../etc/passwd,cat,',
    ]
    const { facts, told } = await importing(
      zip({ ...(await files()), 'images/6.png': await picture(6), 'labels.csv': table.join('\n') }),
    )
    expect(facts.count).toEqual({ train: 4, test: 2 })
    expect(told.filter((it) => !it.startsWith('FEW'))).toEqual([
      'SKIPPED images/6.png',
      'SKIPPED labels.csv row 10',
      'SKIPPED labels.csv row 11',
      'SKIPPED labels.csv row 12',
      'SKIPPED labels.csv row 13',
      'SKIPPED labels.csv row 8',
      'SKIPPED labels.csv row 9',
    ])
  })

  test('that names none of them does not hide folders for classes', async () => {
    const { summary, facts } = await importing(
      zip({
        ...(await classFolders({ cat: 3, dog: 3 })),
        'metadata.csv': 'name,label\nx.png,cat\ny.png,dog',
      }),
    )
    expect([summary.layout, facts.classes]).toEqual(['a folder for each class', ['cat', 'dog']])
  })

  test('may be one of several that are called as the splits', async () => {
    const train = ['file,label', ...rows((seed, label) => `images/${seed}.png,${label}`)].join('\n')
    const { facts } = await importing(
      zip({
        ...(await files()),
        'images/7.png': await picture(7),
        'train.csv': train,
        'test.csv': 'file,label\nimages/7.png,cat',
      }),
    )
    expect(facts.count).toEqual({ train: 6, test: 1 })
  })
})

describe('the binary files of CIFAR', () => {
  /** [3, 32, 32] of a seed. */
  const planes = (seed: number) => Buffer.from(noisePixels(seed))
  const pixelsOf = (seed: number) => {
    const [from, to] = [planes(seed), new Uint8Array(3072)]
    for (let i = 0; i < 1024; i++) for (let c = 0; c < 3; c++) to[3 * i + c] = from[1024 * c + i]!
    return to
  }

  test('of ten classes are imported in their order, with the names of batches.meta.txt', async () => {
    const batch = (...labels: number[]) =>
      Buffer.concat(labels.flatMap((label, i) => [Buffer.of(label), planes(10 * label + i)]))
    const files = {
      'cifar-10-batches-bin/batches.meta.txt': 'plane\ncar\nbird\n\n',
      'cifar-10-batches-bin/data_batch_2.bin': batch(0, 1),
      'cifar-10-batches-bin/data_batch_10.bin': batch(2, 2),
      'cifar-10-batches-bin/data_batch_1.bin': batch(2, 0, 1),
      'cifar-10-batches-bin/test_batch.bin': batch(1, 1),
      'cifar-10-batches-bin/readme.html': '<html>',
    }
    const { facts, dataset, summary, told } = await importing(archive(gzipSync(tarOf(entriesOf(files)))))
    expect(facts).toMatchObject({ classes: ['plane', 'car', 'bird'], count: { train: 6, test: 2 } })
    expect([...dataset.train.labels]).toEqual([2, 0, 1, 0, 1, 2])
    expect(dataset.train.pixels.subarray(0, 3072)).toEqual(pixelsOf(20))
    expect(summary.layout).toBe('the binary files of CIFAR-10')
    expect(told.filter((it) => /DUPL|LEAK/.test(it))).toEqual([
      'DUPLICATE cifar-10-batches-bin/data_batch_10.bin image 0',
      'LEAK cifar-10-batches-bin/test_batch.bin image 1',
    ])
  })

  test('of a hundred classes are imported by their fine labels', async () => {
    const record = (coarse: number, fine: number, seed: number) =>
      Buffer.concat([Buffer.of(coarse, fine), planes(seed)])
    const names = Array.from({ length: 100 }, (_, i) => `thing ${i}`)
    const groups = Array.from({ length: 20 }, (_, i) => `group ${i}`)
    const files = {
      'cifar-100-binary/train.bin': Buffer.concat(names.map((_, i) => record(i % 20, 99 - i, i))),
      'cifar-100-binary/test.bin': Buffer.concat([record(0, 42, 200), record(1, 7, 201)]),
      'cifar-100-binary/fine_label_names.txt': names.join('\n'),
      'cifar-100-binary/coarse_label_names.txt': groups.join('\n'),
    }
    const { facts, dataset, summary } = await importing(zip(files))
    expect(facts.classes).toEqual(names)
    expect(facts.count).toEqual({ train: 100, test: 2 })
    expect([...dataset.train.labels]).toEqual(names.map((_, i) => 99 - i))
    expect([...dataset.test.labels]).toEqual([42, 7])
    expect(summary.layout).toBe('the binary files of CIFAR-100 with its fine classes')

    // By choice, or because their names alone are there.
    const { 'cifar-100-binary/fine_label_names.txt': _, ...coarse } = files
    for (const [given, labels] of [
      [files, 'COARSE'],
      [coarse, null],
    ] as const) {
      const other = await importing(zip(given), { labels })
      expect(other.facts.classes).toEqual(groups)
      expect([...other.dataset.test.labels]).toEqual([0, 1])
      expect(other.summary.layout).toBe('the binary files of CIFAR-100 with its coarse classes')
    }
    const fine = await importing(zip(coarse), { labels: 'FINE' })
    expect([...fine.dataset.test.labels]).toEqual([42, 7])
    const { 'cifar-100-binary/coarse_label_names.txt': __, ...nameless } = coarse
    const numbered = await importing(zip(nameless), { labels: 'COARSE' })
    expect(numbered.facts.classes).toEqual(groups.map((_, i) => String(i)))
  })

  test.each([
    [
      'the binary files of CIFAR-10',
      () => zip({ 'data_batch_1.bin': Buffer.concat([Buffer.of(1), planes(0)]) }),
    ],
    ['a folder for each class', async () => zip(await classFolders({ cat: 2, dog: 2 }))],
  ])('of a hundred classes alone have coarse labels: %s is refused with them', async (words, origin) => {
    await expect(importing(await origin(), { labels: 'COARSE' })).rejects.toThrow(
      `${words}. Import it without the labels COARSE.`,
    )
  })

  test('with a class that is none, or cut short, are refused', async () => {
    const files = { 'data_batch_1.bin': Buffer.concat([Buffer.of(10), planes(0)]) }
    await expect(importing(zip(files))).rejects.toThrow(
      'data_batch_1.bin image 0 has the class 10, and there are 10: 0 to 9.',
    )
    await expect(
      importing(zip({ 'data_batch_1.bin': planes(0), 'test_batch.bin': planes(1) })),
    ).rejects.toThrow(
      "data_batch_1.bin has 3072 bytes, which are no whole number of CIFAR-10's records of 3073. Send the whole file.",
    )
  })
})

describe("MNIST's IDX files", () => {
  const idx = (shape: number[], content: Uint8Array) => {
    const header = Buffer.alloc(4 + 4 * shape.length)
    header.writeUInt32BE(0x0800 + shape.length, 0)
    for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i)
    return Buffer.concat([header, content])
  }
  const grey = (seed: number) => noisePixels(seed).subarray(0, 28 * 28)
  const LABELS = [5, 0, 4, 5, 0, 4]
  const images = Buffer.concat(LABELS.map((_, i) => grey(i)))
  const files = {
    'train-images-idx3-ubyte': idx([6, 28, 28], images),
    'train-labels-idx1-ubyte': idx([6], Buffer.from(LABELS)),
    't10k-images-idx3-ubyte': idx([2, 28, 28], Buffer.concat([grey(20), grey(21)])),
    't10k-labels-idx1-ubyte': idx([2], Buffer.of(4, 0)),
  }

  test.each([
    ['as they are', files],
    [
      'packed',
      Object.fromEntries(
        Object.entries(files).map(([name, bytes]) => [`MNIST/raw/${name}.gz`, gzipSync(bytes)]),
      ),
    ],
    [
      'with dots',
      Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name.replace('-idx', '.idx'), bytes])),
    ],
  ])('%s are imported in their order, from grey to three channels', async (_how, all) => {
    const { facts, dataset, summary } = await importing(zip(all), {
      size: [56, 56],
      resize: { rule: 'CONTAIN', shorterSide: null },
    })
    expect(facts).toMatchObject({
      classes: ['0', '4', '5'],
      count: { train: 6, test: 2 },
      imageShape: [56, 56, 3],
    })
    expect([...dataset.train.labels]).toEqual([2, 0, 1, 2, 0, 1])
    expect([...dataset.test.labels]).toEqual([1, 0])
    const [red, green, blue] = [0, 1, 2].map((c) => dataset.train.pixels.filter((_, i) => i % 3 === c))
    expect([green, blue]).toEqual([red, red])
    expect(summary).toMatchObject({ layout: "MNIST's IDX files", smallest: [28, 28], largest: [28, 28] })
  })

  test.each<[string, Record<string, Buffer>, string]>([
    [
      'without their labels',
      { 'train-images-idx3-ubyte': files['train-images-idx3-ubyte'] },
      'and not the labels that belong to it',
    ],
    [
      'cut short',
      { ...files, 'train-images-idx3-ubyte': files['train-images-idx3-ubyte'].subarray(0, 3000) },
      'is cut short: it has 3 of 6 images',
    ],
    [
      'with too few labels',
      { ...files, 'train-labels-idx1-ubyte': idx([4], Buffer.alloc(4)) },
      'has 6 images, and there are 4 labels',
    ],
    [
      'that lie',
      { ...files, 'train-labels-idx1-ubyte': idx([6], Buffer.alloc(4)) },
      'claims 6 labels and has 4',
    ],
    [
      'of no bytes',
      { ...files, 't10k-images-idx3-ubyte': Buffer.alloc(100) },
      'is no IDX file of bytes in 3 dimensions',
    ],
    [
      'of several data sets',
      {
        ...files,
        'x-train-images-idx3-ubyte': idx([1, 2, 2], Buffer.alloc(4)),
        'x-train-labels-idx1-ubyte': idx([1], Buffer.alloc(1)),
      },
      'several data sets of IDX files',
    ],
  ])('%s are refused', async (_how, all, why) => {
    await expect(importing(zip(all))).rejects.toThrow(why)
  })
})

test.each<[string, Record<string, string>, RegExp]>([
  ['nothing', {}, /it holds no files that are not hidden\. There may be: a folder for each class; /],
  ['documents alone', { 'a/b.txt': 'x', 'c/d.pdf': 'x' }, /it holds 2 other files, such as a\/b\.txt/],
  [
    'pictures without folders',
    { 'a.jpg': 'x', 'b.jpg': 'x' },
    /it holds 2 pictures by their names, in no folders/,
  ],
  [
    'archives within',
    { 'a.zip': 'x', 'README.md': 'x' },
    /it holds 1 archives within, which are not unpacked, 1 other files/,
  ],
])('an archive with %s is refused with what was found and what there may be', async (_what, files, why) => {
  await expect(importing(zip(files))).rejects.toThrow(why)
})
