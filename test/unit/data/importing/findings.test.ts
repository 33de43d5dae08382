import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { tarOf, zipOf } from '../../../support/archives.ts'
import { noisePixels } from '../../../support/images.ts'
import { archive, classFolders, entriesOf, importing, picture } from '../../../support/importing.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const zip = (files: Record<string, Uint8Array | string>) => archive(zipOf(entriesOf(files)))

/** A picture with large shapes, as photographs have, and its like: smaller, brighter by a little, as a JPEG. */
async function scene(seed: number): Promise<{ whole: Buffer; like: Buffer }> {
  const base = sharp(noisePixels(seed, 6, 6), { raw: { width: 6, height: 6, channels: 3 } })
  const whole = await base.resize(240, 240, { kernel: 'cubic' }).png().toBuffer()
  const like = await sharp(whole).resize(150, 150).linear(1, 3).jpeg({ quality: 60 }).toBuffer()
  return { whole, like }
}

describe('pictures that are there twice', () => {
  test('are told of: the same ones, those of two classes, those that look alike, and those across splits', async () => {
    const [one, two, three] = [await scene(1), await scene(2), await scene(3)]
    const files = {
      ...(await classFolders({ 'train/cat': 4, 'train/dog': 4, 'test/cat': 1, 'test/dog': 1 })),
      'train/cat/one.png': one.whole,
      // The same pixels in another file.
      'train/cat/one-again.png': await sharp(one.whole).png({ compressionLevel: 1 }).toBuffer(),
      'train/dog/one-too.png': one.whole,
      'train/cat/two.png': two.whole,
      'train/cat/two-like.jpg': two.like,
      'train/dog/three.png': three.whole,
      'test/dog/three.png': three.whole,
      'test/dog/two-like.jpg': await sharp(two.like).jpeg({ quality: 90 }).toBuffer(),
    }
    const { findings, summary, facts, dataset } = await importing(zip(files))
    const told = findings
      .filter(({ kind }) => kind !== 'FEW_PICTURES')
      .map(({ kind, path, other }) => [kind, path, other])
    expect(told).toEqual([
      ['DUPLICATE', 'train/cat/one.png', 'train/cat/one-again.png'],
      ['LEAK', 'test/dog/two-like.jpg', 'train/cat/two-like.jpg'],
      ['LEAK', 'test/dog/two-like.jpg', 'train/cat/two.png'],
      ['NEAR_DUPLICATE', 'train/cat/two.png', 'train/cat/two-like.jpg'],
      ['CONTRADICTION', 'train/dog/one-too.png', 'train/cat/one-again.png'],
      ['LEAK', 'test/dog/three.png', 'train/dog/three.png'],
    ])
    expect(summary.findings).toMatchObject({ DUPLICATE: 1, LEAK: 3, NEAR_DUPLICATE: 1, CONTRADICTION: 1 })
    expect(facts.count).toEqual({ train: 13, test: 4 })
    // Each says where its picture is: those of a contradiction and a leak have the same pixels.
    const size = 32 * 32 * 3
    const pixels = ({ split, index }: { split: 'train' | 'test'; index: number }) =>
      dataset[split].pixels.subarray(index * size, (index + 1) * size)
    for (const { kind, place, otherPlace, path } of findings) {
      if (kind === 'FEW_PICTURES') expect([place, otherPlace]).toEqual([null, null])
      else if (kind === 'DUPLICATE') expect([place, otherPlace?.split]).toEqual([null, 'train'])
      else expect([place!.split, otherPlace!.split]).toEqual([path.split('/')[0], 'train'])
      if (!path.endsWith('one-too.png') && path !== 'test/dog/three.png') continue
      expect(pixels(place!)).toEqual(pixels(otherPlace!))
    }
    expect(findings.find(({ kind }) => kind === 'CONTRADICTION')!.message).toBe(
      'It has the same pixels as a picture of "cat", and its label is "dog": both are kept. One of them is wrong.',
    )
  })

  test('and look alike stay in one split where the import chooses it', async () => {
    const files: Record<string, Buffer> = {}
    for (let seed = 0; seed < 24; seed++) {
      const { whole, like } = await scene(seed)
      files[`${seed % 2 === 0 ? 'cat' : 'dog'}/${seed}.png`] = whole
      files[`${seed % 2 === 0 ? 'cat' : 'dog'}/${seed}.jpg`] = like
    }
    for (const seed of [1, 2, 3]) {
      const { summary, facts } = await importing(zip(files), { split: { testShare: 0.25, seed } })
      expect(facts.count).toEqual({ train: 36, test: 12 })
      expect(summary.findings).toEqual({ NEAR_DUPLICATE: 24 })
    }
  })
})

describe('the split', () => {
  test('has the share of each class, at least one test image of two, and another one for another seed', async () => {
    const files = await classFolders({ a: 40, b: 10, c: 2, d: 1 })
    const split = async (testShare: number, seed: number) => {
      const { facts, dataset, digest } = await importing(zip(files), { split: { testShare, seed } })
      const counts = facts.classes.map((_, i) => dataset.test.labels.filter((label) => label === i).length)
      return { counts, digest }
    }
    const first = await split(0.2, 1)
    expect(first.counts).toEqual([8, 2, 1, 0])
    expect(await split(0.2, 1)).toEqual(first)
    expect((await split(0.2, 2)).digest).not.toBe(first.digest)
    expect((await split(0.01, 1)).counts).toEqual([1, 1, 1, 0])
    expect((await split(0.99, 1)).counts).toEqual([39, 9, 1, 0])
  })

  test('leaves mean and standard deviation to the training images', async () => {
    const { facts, dataset } = await importing(zip(await classFolders({ a: 9, b: 9 })))
    for (const channel of [0, 1, 2]) {
      const values = Array.from(
        dataset.train.pixels.filter((_, i) => i % 3 === channel),
        (value) => value / 255,
      )
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
      expect(facts.normalization.mean[channel]).toBeCloseTo(mean, 10)
      expect(facts.normalization.std[channel]).toBeCloseTo(std, 10)
    }
    const black = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#000' } })
      .png()
      .toBuffer()
    const plain = { 'train/a/0.png': black, 'train/b/0.png': black, 'test/a/0.png': black }
    expect((await importing(zip(plain))).facts.normalization).toEqual({ mean: [0, 0, 0], std: [1, 1, 1] })
  })
})

describe('a class', () => {
  test('is told of when it has too few pictures, none, or a name like another', async () => {
    const files = {
      ...(await classFolders({
        Cat: 12,
        cat: 12,
        'hot  dog': 12,
        'hot dog': 12,
        lone: 1,
        few: 3,
        '  blank ': 12,
      })),
      'bad/0.png': 'no picture',
    }
    const entries = [...entriesOf(files), { name: 'void', type: 'Directory' } as const]
    const { told, facts, findings } = await importing(archive(tarOf(entries)))
    expect(facts.classes).toEqual(['Cat', 'blank', 'cat', 'few', 'hot  dog', 'hot dog', 'lone'])
    expect(told).toEqual([
      'EMPTY_CLASS bad',
      'EMPTY_CLASS void',
      'FEW_PICTURES few',
      'FEW_PICTURES lone',
      'REFUSED bad/0.png',
      'SIMILAR_CLASSES cat',
      'SIMILAR_CLASSES hot dog',
    ])
    expect(findings.find(({ path }) => path === 'cat')).toMatchObject({
      kind: 'SIMILAR_CLASSES',
      path: 'cat',
      message:
        'It differs from "Cat" in case, blanks or the form of its characters alone: both are kept. If they are one, merge them.',
      other: 'Cat',
    })
    expect(findings.find(({ path }) => path === 'lone')!.message).toBe(
      'It has 1 picture for training and none for testing: how well it is learned cannot be told.',
    )
  })

  test('has a name of 1 to 100 characters, of any script; another one is left out with its pictures', async () => {
    const long = 'x'.repeat(200)
    const table = [
      'file,label',
      ...[0, 1].map((i) => `p/${i}.png,${'é'.repeat(100)}`),
      ...[2, 3].map((i) => `p/${i}.png,🐈‍⬛/a`),
      ...[4, 5].map((i) => `p/${i}.png,${long}`),
      'p/6.png,a\u0007b',
      'p/7.png,\u200b',
      'p/0.png, ',
    ]
    const { facts, findings } = await importing(
      zip({ ...(await classFolders({ p: 8 })), 'labels.csv': table.join('\n') }),
    )
    expect(facts.classes).toEqual(['é'.repeat(100), '🐈‍⬛/a'])
    const refused = findings.filter(({ kind }) => kind === 'REFUSED')
    expect(refused.map(({ path }) => path)).toEqual([long, 'a\\u0007b', '\u200b'])
    expect(refused[0]!.message).toBe(
      "Its name has 200 characters. A class's name has 1 to 100 characters, one of them visible, and no control or invisible ones. The class and its pictures (2) are left out: rename it.",
    )
    const folders = await importing(zip(await classFolders({ cat: 2, dog: 2, [long]: 3 })))
    expect(folders.findings.find(({ path }) => path === long)!.message).toMatch(
      /its pictures \(3\) are left out/,
    )
  })

  test.each<[string, Record<string, number>, RegExp]>([
    ['alone', { cat: 5 }, /needs 2 classes with pictures that can be read, and there is one: only "cat"\./],
    [
      'of one picture, as all are',
      { cat: 1, dog: 1 },
      /There are no test images: a class needs two pictures or more/,
    ],
  ])('%s is refused', async (_how, counts, why) => {
    await expect(importing(zip(await classFolders(counts)))).rejects.toThrow(why)
  })

  test('for each of a thousand folders is one too many with the next', async () => {
    const entries = Array.from({ length: 1001 }, (_, i) => ({ name: `${i}/a.png`, bytes: Buffer.from('x') }))
    await expect(importing(archive(zipOf(entries)))).rejects.toThrow('It has more than 1000 classes.')
  })
})

describe('pictures sent one by one', () => {
  test('have the label and the split that came with each', async () => {
    const folder = temporaryFolder()
    const pictures = []
    for (let seed = 0; seed < 6; seed++) {
      const path = join(folder, String(seed))
      writeFileSync(path, seed === 5 ? 'broken' : await picture(seed))
      pictures.push({
        name: `${seed}.png`,
        path,
        label: seed % 2 === 0 ? 'cat' : 'dog',
        split: seed < 2 ? ('test' as const) : null,
      })
    }
    const { facts, told, summary } = await importing({ kind: 'pictures', pictures })
    expect(facts).toMatchObject({ classes: ['cat', 'dog'], count: { train: 3, test: 2 } })
    expect(told).toContain('REFUSED 5.png')
    expect(summary).toMatchObject({ layout: 'pictures sent one by one', files: 6, images: 5 })
  })
})

describe('another version', () => {
  test('is changed by its edits: order, splits and what was not changed stay', async () => {
    const before = await importing(
      zip(
        await classFolders({
          'train/cat': 4,
          'train/dog': 4,
          'train/cow': 3,
          'test/cat': 2,
          'test/dog': 2,
          'test/cow': 1,
        }),
      ),
    )
    const { facts, digest, file } = before
    const none = { classes: {}, relabelled: [], excluded: [], mostOfClass: null }
    const change = (edits: object, added: Parameters<typeof importing>[0] | null = null, options = {}) =>
      importing(
        { kind: 'dataset', file, digest, facts, edits: { ...none, ...edits }, added },
        { name: 'pets@2', ...options },
      )

    const same = await change({})
    expect(same).toMatchObject({
      digest,
      facts: { ...facts, name: 'pets@2', title: 'pets' },
      summary: { smallest: null, largest: null },
    })

    const changed = await change({
      classes: { cow: null, dog: 'hound' },
      relabelled: [{ split: 'test', index: 0, label: 'wolf' }],
      excluded: [{ split: 'train', index: 0 }],
    })
    const name = (label: number) => ['cat', 'cow', 'dog'][label]!
    const renamed = { cat: 'cat', dog: 'hound' } as Record<string, string>
    expect(changed.facts.classes).toEqual(['cat', 'hound', 'wolf'])
    const expected = [...before.dataset.train.labels]
      .slice(1)
      .map(name)
      .filter((it) => it !== 'cow')
    expect([...changed.dataset.train.labels].map((label) => changed.facts.classes[label])).toEqual(
      expected.map((it) => renamed[it]),
    )
    expect(changed.facts.classes[changed.dataset.test.labels[0]!]).toBe('wolf')
    expect(changed.dataset.test.pixels.subarray(0, 3072)).toEqual(
      before.dataset.test.pixels.subarray(0, 3072),
    )

    const merged = await change({ classes: { cow: 'animal', dog: 'animal', cat: 'animal2' }, mostOfClass: 2 })
    expect(merged.facts).toMatchObject({ classes: ['animal2', 'animal'], count: { train: 4, test: 4 } })

    const added = await change({}, zip(await classFolders({ cat: 8, owl: 2 }, 60)))
    expect(added.facts).toMatchObject({
      classes: ['cat', 'cow', 'dog', 'owl'],
      count: { train: 18, test: 8 },
    })
    expect(added.dataset.train.pixels.subarray(0, 11 * 3072)).toEqual(before.dataset.train.pixels)
    expect(added.summary).toMatchObject({
      smallest: [40, 40],
      layout: 'the version pets@1, changed; and a folder for each class',
    })

    expect((await change({}, null, { size: [64, 48] })).facts.imageShape).toEqual([64, 48, 3])
    await expect(change({ classes: { horse: 'x' } })).rejects.toThrow(
      'There is no class "horse" to be changed.',
    )
    await expect(change({ excluded: [{ split: 'test', index: 5 }] })).rejects.toThrow(
      'There is no test image 5: there are 5, from 0 on.',
    )
    await expect(change({ classes: { cat: ' ' } })).rejects.toThrow('cannot be a class')
    await expect(change({ classes: { cat: null, dog: null } })).rejects.toThrow('only "cow"')
  })
})
