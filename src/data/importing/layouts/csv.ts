import { parse } from 'csv-parse/sync'
import type { Listing, OriginFile, Skip } from '../origin/listing.ts'
import { ImportRefusedError } from '../refusal.ts'
import { endingOf, kindOf, whyNot } from './kinds.ts'
import { type Candidate, type Layout, readPicture } from './layout.ts'
import { smallContentOf } from './records.ts'
import { type Part, partNamed, splitOf, toldOfValidation } from './split-names.ts'

const TABLES = new Set(['csv', 'tsv', 'txt'])
const MAX_TABLE_BYTES = 64 * 1024 * 1024
const MAX_ROWS = 1_000_000
/** Rows that are looked at to tell what the columns are. */
const SAMPLE = 100

/** How columns are called, the likeliest name first; without blanks, hyphens and underscores. */
const PATH_NAMES = [
  'path',
  'file',
  'filename',
  'filepath',
  'image',
  'imagepath',
  'imagefile',
  'imagename',
  'img',
  'imgpath',
  'picture',
  'imageid',
  'id',
  'name',
]
const LABEL_NAMES = [
  'label',
  'class',
  'classname',
  'labelname',
  'category',
  'target',
  'labels',
  'species',
  'breed',
  'type',
  'y',
]
const SPLIT_NAMES = ['split', 'subset', 'partition', 'set', 'dataset', 'usage', 'fold']

interface Row {
  file: OriginFile
  label: string
  part: Part | null
}

interface Columns {
  path: number
  label: number
  split: number | null
}

/**
 * One or several tables, with a row for each picture beside them: its path and its label, and the split if a third
 * column has it. Null where no table names pictures that are there.
 */
export async function csvLayout(listing: Listing, skip: Skip): Promise<Layout | null> {
  const find = createFinder(listing)
  const tables = listing.files.filter(({ path }) => TABLES.has(endingOf(path)))
  const read: { file: OriginFile; rows: string[][]; columns: Columns; hasHeader: boolean }[] = []
  for (const file of tables) {
    const rows = await readTable(file)
    const columns = rows === null ? null : columnsOf(rows, (path) => find(file, path) !== null)
    if (rows !== null && columns !== null) read.push({ file, rows, ...columns })
  }
  if (read.length === 0) return null

  const rows: Row[] = []
  const named = new Set<OriginFile>(read.map(({ file }) => file))
  const seen = new Set<string>()
  let hasOwnSplit = false
  for (const { file, rows: all, columns, hasHeader } of read) {
    const table = read.length === 1 ? null : partNamed(file.path.replace(/^.*\//, '').replace(/\.[^.]*$/, ''))
    for (const [index, row] of all.entries()) {
      if (hasHeader && index === 0) continue
      const where = `${file.path} row ${index + 1}`
      const path = row[columns.path] ?? ''
      const found = find(file, path)
      if (found === null) {
        skip(
          where,
          path === ''
            ? 'It names no picture: left out.'
            : `It names ${quoted(path)}, which is not there: left out.`,
        )
        continue
      }
      named.add(found)
      const label = row[columns.label] ?? ''
      if (label.trim() === '') {
        skip(where, `It gives ${found.path} no label: left out.`)
        continue
      }
      const said = columns.split === null ? '' : (row[columns.split] ?? '').trim()
      const part = said === '' ? table : partNamed(said)
      if (said !== '' && part === null) {
        skip(where, `Its split is ${quoted(said)}, and neither train, test nor validation: left out.`)
        continue
      }
      const key = `${found.path}\0${label}\0${part}`
      if (seen.has(key)) {
        skip(where, `It names ${found.path} again: left out.`)
        continue
      }
      seen.add(key)
      if (part !== null) hasOwnSplit = true
      rows.push({ file: found, label, part })
    }
  }
  for (const file of listing.files) {
    if (named.has(file)) continue
    skip(file.path, kindOf(file) === 'picture' ? 'No row of a table names it: left out.' : whyNot(file))
  }
  const parts = new Set(rows.flatMap(({ part }) => (part === null ? [] : [part])))
  const names = read.map(({ file }) => file.path).join(' and ')
  return {
    words: `pictures with their labels${hasOwnSplit ? ' and splits' : ''} in ${names}${toldOfValidation(parts)}`,
    classes: null,
    named: [],
    total: rows.length,
    isOrdered: false,
    *candidates(): Generator<Candidate, void> {
      for (const { file, label, part } of rows) {
        const split = part === null ? null : splitOf(part, parts.has('test'))
        yield { path: file.path, label, split, picture: () => readPicture(file) }
      }
    },
  }
}

const quoted = (text: string) => `"${text.length > 100 ? `${text.slice(0, 100)}…` : text}"`

/** Finds the file that a table means: from the table's folder, or from the root, or by its name alone, with or without its ending. */
function createFinder({ files }: Listing): (table: OriginFile, path: string) => OriginFile | null {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const byName = new Map<string, OriginFile | null>()
  const remember = (name: string, file: OriginFile) => byName.set(name, byName.has(name) ? null : file)
  for (const file of files) {
    if (kindOf(file) !== 'picture' && kindOf(file) !== 'unnamed') continue
    const name = file.path.slice(file.path.lastIndexOf('/') + 1)
    const ending = endingOf(file.path)
    remember(name, file)
    if (ending !== '') remember(name.slice(0, -ending.length - 1), file)
  }
  return (table, said) => {
    const names = said
      .normalize('NFC')
      .trim()
      .replaceAll('\\', '/')
      .split('/')
      .filter((part) => part !== '' && part !== '.')
    if (names.length === 0) return null
    const path = names.join('/')
    const folder = table.path.slice(0, table.path.lastIndexOf('/') + 1)
    const found = byPath.get(folder + path) ?? byPath.get(path) ?? byName.get(names.at(-1)!) ?? null
    return found === table ? null : found
  }
}

/** Null for a text that is no table. */
async function readTable(file: OriginFile): Promise<string[][] | null> {
  const isTable = endingOf(file.path) !== 'txt'
  if (file.bytes > MAX_TABLE_BYTES && !isTable) return null
  const text = decoded(await smallContentOf(file, MAX_TABLE_BYTES))
  if (text.includes('\0')) return null
  const delimiter = delimiterOf(text)
  if (delimiter === null) return null
  try {
    return parse(text, {
      bom: true,
      delimiter,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      trim: true,
      to: MAX_ROWS + 1,
    })
  } catch (error) {
    if (!isTable) return null
    const why = (error as Error).message.replace(/\.$/, '')
    throw new ImportRefusedError(`${file.path} cannot be read as a table (${why}). Mend it, or leave it out.`)
  }
}

/** UTF-8, UTF-16 by its mark, or what Windows writes in Western Europe. */
function decoded(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** The one that parts the first lines into the most columns; null where none does. */
function delimiterOf(text: string): string | null {
  const lines = text
    .slice(0, 64 * 1024)
    .split(/\r\n?|\n/, SAMPLE)
    .filter((line) => line.trim() !== '')
  const counts = [',', ';', '\t'].map((delimiter) => ({
    delimiter,
    lines: lines.filter((line) => line.includes(delimiter)).length,
  }))
  const best = counts.reduce((one, other) => (other.lines > one.lines ? other : one))
  return best.lines === 0 ? null : best.delimiter
}

/** Which columns there are, by the names in the first row, or by what is in them; null where none has paths. */
function columnsOf(
  rows: readonly string[][],
  isThere: (path: string) => boolean,
): { columns: Columns; hasHeader: boolean } | null {
  const [first] = rows
  if (first === undefined || first.length < 2) return null
  const simple = first.map((name) => name.toLowerCase().replace(/[\s_-]/g, ''))
  const column = (names: readonly string[]) => {
    const name = names.find((one) => simple.includes(one))
    return name === undefined ? null : simple.indexOf(name)
  }
  const sample = rows.slice(0, SAMPLE)
  const share = (index: number, holds: (value: string) => boolean, of: readonly string[][]) =>
    of.filter((row) => holds(row[index] ?? '')).length / Math.max(1, of.length)
  const label = column(LABEL_NAMES)
  if (label !== null) {
    const content = sample.slice(1)
    const path = [column(PATH_NAMES), ...first.keys()].find(
      (index) => index !== null && index !== label && share(index, isThere, content) >= 0.5,
    )
    if (path === undefined || path === null) return null
    const split = column(SPLIT_NAMES)
    return {
      columns: { path, label, split: split === path || split === label ? null : split },
      hasHeader: true,
    }
  }
  // Without names in the first row: paths are what is there, splits have their own words, and labels are the rest.
  const paths = [...first.keys()].filter((index) => share(index, isThere, sample) >= 0.5)
  const path = paths[0]
  if (path === undefined) return null
  const others = [...first.keys()].filter((index) => index !== path)
  const split =
    others.length < 2
      ? null
      : (others.find((index) => share(index, (it) => partNamed(it) !== null, sample) >= 0.9) ?? null)
  const [only, ...more] = others.filter((index) => index !== split)
  if (only === undefined || more.length > 0) return null
  return { columns: { path, label: only, split }, hasHeader: !isThere(first[path]!) }
}
