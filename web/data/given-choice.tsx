import { useId, useState } from 'preact/hooks'
import { bytes, count, counted } from '../format.ts'
import { Drop } from '../parts/drop.tsx'
import { Failure } from '../parts/failure.tsx'
import { Field } from '../parts/field.tsx'
import { bytesOf, type Given, type Group, give, placedOf, readFolders } from './given.ts'
import type { Placed } from './tar.ts'

interface Props {
  /** What to do here. */
  label: string
  given: Given | null
  onGiven: (given: Given | null) => void
  /** Classes that pictures without a folder may be of. */
  classes?: readonly string[]
  /** What is wrong with their classes. */
  problems?: readonly string[]
}

/** Takes an archive, folders or pictures: dropped, pasted or chosen. */
export function GivenChoice({ label, given, onGiven, classes = [], problems = [] }: Props) {
  const [wrong, setWrong] = useState<string | null>(null)
  const take = (files: readonly File[], placed: readonly Placed[]) => {
    const next = give(given, files, placed)
    setWrong(typeof next === 'string' ? next : null)
    if (typeof next !== 'string') onGiven(next)
  }
  const takeDropped = (files: readonly File[], folders: readonly FileSystemDirectoryEntry[]) => {
    readFolders(folders).then(
      (placed) => take(files, placed),
      (error: Error) => setWrong(`A folder cannot be read: ${error.message}`),
    )
  }
  return (
    <div class="stack">
      <Drop label={label} multiple onFiles={takeDropped}>
        <span class="small muted">
          A .zip, .tar or .tar.gz, or folders: a folder of pictures for each class, or folders train and test
          of these. CSV lists, and files of CIFAR and MNIST, are known, too.
        </span>
      </Drop>
      <div class="row small">
        <label class="button choose">
          Choose a folder
          <input
            class="spoken"
            type="file"
            // Every browser has it; no standard does.
            {...({ webkitdirectory: true } as object)}
            onChange={(event) => {
              const files = [...(event.currentTarget.files ?? [])]
              if (files.length > 0) take([], placedOf(files))
              event.currentTarget.value = ''
            }}
          />
        </label>
        {given !== null && (
          <>
            <span role="status">{inWords(given)}</span>
            <button type="button" class="quiet" onClick={() => onGiven(null)}>
              Take it away
            </button>
          </>
        )}
      </div>
      {given?.kind === 'pictures' && (
        <Groups
          groups={given.groups}
          classes={classes}
          problems={problems}
          onChange={(groups) => onGiven(groups.length === 0 ? null : { kind: 'pictures', groups })}
        />
      )}
      {wrong !== null && <Failure error={wrong} />}
    </div>
  )
}

function inWords(given: Given): string {
  const size = bytes(bytesOf(given))
  if (given.kind === 'archive') return `${given.file.name}, ${size}`
  if (given.kind === 'folders') return `${given.title}: ${counted(given.files.length, 'file')}, ${size}`
  const files = given.groups.reduce((sum, group) => sum + group.files.length, 0)
  return `${counted(files, 'picture')}, ${size}`
}

/** Of what class pictures are that lay in no folder. */
function Groups({
  groups,
  classes,
  problems,
  onChange,
}: {
  groups: readonly Group[]
  classes: readonly string[]
  problems: readonly string[]
  onChange: (groups: Group[]) => void
}) {
  const list = useId()
  return (
    <div class="row" style={{ alignItems: 'start' }}>
      {groups.map((group, at) => (
        <Field
          key={at}
          label={`Class of ${counted(group.files.length, 'picture')}`}
          problems={group.label.trim() === '' ? problems : []}
        >
          {(control) => (
            <span class="row">
              <input
                {...control}
                list={list}
                value={group.label}
                placeholder="cat"
                onInput={({ currentTarget: { value } }) =>
                  onChange(groups.map((each, i) => (i === at ? { ...each, label: value } : each)))
                }
              />
              <button
                type="button"
                class="quiet"
                aria-label={`Take ${count(group.files.length)} pictures of ${group.label || 'no class'} away`}
                onClick={() => onChange(groups.filter((_, i) => i !== at))}
              >
                ✕
              </button>
            </span>
          )}
        </Field>
      ))}
      <datalist id={list}>
        {classes.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  )
}
