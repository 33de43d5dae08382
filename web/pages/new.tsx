import { useState } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { percent } from '../format.ts'
import { useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { START_RUN } from '../live/start-run.ts'
import { useDebounced } from '../new/debounced.ts'
import type { Form } from '../new/fields.tsx'
import {
  AugmentationGroup,
  CheckpointsGroup,
  LengthGroup,
  MoreGroup,
  OptimizerGroup,
  PinnedGroup,
  TransferGroup,
  WhatGroup,
} from '../new/groups.tsx'
import { Plan } from '../new/plan.tsx'
import { PLAN } from '../new/plan-query.ts'
import {
  DEFAULTS,
  LEARNING_RATE_WITHOUT_BATCH_NORM,
  LECTURE,
  LECTURE_SEED,
  STANDARD,
} from '../new/recipes.ts'
import { RUN_TO_FORK, type RunToFork } from '../new/run-to-fork.ts'
import { FIELDS, type Issue, inputOf, PRESETS, planOf, type Values, valuesOfRun } from '../new/values.ts'
import { Failure } from '../parts/failure.tsx'
import { useTitle } from '../parts/title.ts'
import { go, params, setParams } from '../router.ts'
import '../new/new.css'

const CHOICES = graphql(`
  query NewRun {
    architectures(first: 100) { edges { node { name } } }
    datasets { name reference version state }
    models(first: 50) { edges { node { versions(first: 2) { edges { node { id version accuracy model { name } } } } } } }
  }
`)

/** What to train, and how: the form of a new run, empty, from a recipe, or filled in from another run. */
export default function New() {
  useTitle('New run')
  const from = Number(params.value.get('from') ?? 0)
  const isFork = Number.isSafeInteger(from) && from > 0 && from < 2 ** 31
  const { data: choices, error } = useQuery(CHOICES, {})
  const { data: forked, error: refused } = useQuery(RUN_TO_FORK, isFork ? { number: from } : null)
  const reason = error ?? refused
  if (choices === null || (isFork && forked === null))
    return reason === null ? null : <Failure error={reason} />
  const run = forked?.trainingRun ?? null
  return (
    <>
      <h1>{run === null ? 'New run' : `Fork of #${run.number} ${run.name}`}</h1>
      {isFork && run === null && (
        <p class="error">There is no run #{from}. What follows is the form of a new one.</p>
      )}
      <RunForm key={run?.number} choices={choices} run={run} />
    </>
  )
}

interface FormProps {
  choices: ResultOf<typeof CHOICES>
  run: RunToFork | null
}

const PLAN_MS = 300

function RunForm({ choices, run }: FormProps) {
  const networks = choices.architectures.edges.map(({ node }) => node.name)
  const [values, setValues] = useState(() => firstValues(run, networks))
  const [told, tell] = useState<readonly Issue[]>([])
  const doing = useDoing()
  const { input, issues: unread } = inputOf(values)
  const asked = useDebounced(planOf(input, recipeOf(values, true)), PLAN_MS)
  const { data, error } = useQuery(PLAN, asked.name === '' ? null : asked)
  const planned = data?.architecture ?? null
  const unplanned = planned?.plan.__typename === 'ValidationError' ? planned.plan.issues.map(ofForm) : []
  const recipe = recipeOf(values, planned?.batchNorm ?? true)
  const form: Form = {
    values,
    set: (name, value) => {
      setValues((before) => ({ ...before, [name]: value }))
      tell((before) => before.filter(({ path }) => fieldOf(path) !== name))
    },
    problem: (name) => [...unread, ...told, ...unplanned].find(({ path }) => fieldOf(path) === name)?.message,
    placeholder: (name) => placeholderOf(name, values, recipe),
  }
  const start = async (element: HTMLFormElement) => {
    const isUnread = unread.length > 0
    const result = isUnread
      ? null
      : await doing.run(async (client) => {
          const { startTrainingRun } = await client.mutate(START_RUN, { input })
          if (
            startTrainingRun.__typename === 'TrainingRun' ||
            startTrainingRun.__typename === 'ValidationError'
          )
            return startTrainingRun
          throw new Error(startTrainingRun.message)
        })
    if (result?.__typename === 'TrainingRun') return go(`/runs/${result.number}`)
    if (result !== null) tell(result.issues)
    // Once it is drawn: whoever types or listens goes on where something is wrong.
    requestAnimationFrame(() => element.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus())
  }
  const homeless = told.filter(({ path }) => fieldOf(path) === null)
  return (
    <form
      class="new"
      onSubmit={(event) => {
        event.preventDefault()
        void start(event.currentTarget)
      }}
    >
      {run === null && <Presets values={values} onChoose={setValues} />}
      <WhatGroup
        form={form}
        networks={networks.includes(input.architecture) ? networks : [input.architecture, ...networks]}
        datasets={datasetOptions(choices, values.dataset ?? '')}
      />
      <TransferGroup form={form} weights={run === null ? versionsOf(choices) : weightsOf(run)} />
      <LengthGroup form={form} />
      <OptimizerGroup form={form} recipe={recipe} />
      <AugmentationGroup form={form} recipe={recipe} />
      <CheckpointsGroup form={form} />
      <PinnedGroup form={form} />
      <MoreGroup form={form} />
      <section class="panel start" aria-label="What it takes">
        {planned !== null && (
          <Plan
            of={planned}
            epochs={input.epochs ?? recipe.epochs}
            stopsEarly={values.earlyStopping === 'own'}
            isFrozen={isFrozen(asked.freeze)}
          />
        )}
        {data !== null && planned === null && (
          <p class="small muted">There is no network "{asked.name}" in the zoo.</p>
        )}
        {error !== null && <Failure error={error} />}
        {homeless.map(({ path, message }) => (
          <Failure key={path.join('.')} error={`${path.join('.')}: ${message}`} />
        ))}
        {doing.error !== null && <Failure error={doing.error} />}
        <div class="row">
          <button type="submit" class="primary" disabled={doing.asked}>
            Start training
          </button>
          {(unread.length > 0 || told.length > 0) && (
            <span class="small" role="status">
              Something is wrong above; it stands beside its field.
            </span>
          )}
        </div>
      </section>
    </form>
  )
}

/** A recipe to begin with: all but what the run is called and what it learns is filled in anew. */
function Presets({ values, onChoose }: { values: Values; onChoose: (values: Values) => void }) {
  const chosen = params.value.get('preset') ?? 'standard'
  return (
    <fieldset class="recipes">
      <legend>Recipe</legend>
      {Object.entries(PRESETS).map(([name, preset]) => (
        <label key={name} class="row">
          <input
            type="radio"
            name="recipe"
            checked={chosen === name}
            onChange={() => {
              setParams({ preset: name === 'standard' ? null : name })
              const { architecture = '', dataset = '', name: title = '', notes = '' } = values
              onChoose({ ...preset.values, architecture, dataset, name: title, notes })
            }}
          />
          {preset.title}
        </label>
      ))}
    </fieldset>
  )
}

function firstValues(run: RunToFork | null, networks: readonly string[]): Values {
  const query = params.peek()
  const architecture = query.get('arch')
  if (run !== null) return { ...valuesOfRun(run), ...(architecture === null ? {} : { architecture }) }
  const preset = query.get('preset') ?? 'standard'
  return {
    ...(Object.hasOwn(PRESETS, preset) ? PRESETS[preset]!.values : {}),
    architecture: architecture ?? (networks.includes('vgg_mini') ? 'vgg_mini' : (networks[0] ?? '')),
    dataset: query.get('dataset') ?? 'cifar10',
  }
}

/** Those that can be learned from, and the one that is asked for, whatever version it is. */
function datasetOptions({ datasets }: FormProps['choices'], asked: string) {
  const options = datasets
    .filter(({ state, version }) => version === null || state === 'READY')
    .map(({ name, reference, version }): readonly [string, string] => [
      reference,
      version === null ? name : `${name}, version ${version}`,
    ])
  const isListed = options.some(([reference]) => reference === asked)
  return isListed ? options : [[asked, asked.replace('@', ', version ')] as const, ...options]
}

/** What the server fills in for what is left empty. */
function recipeOf({ preset }: Values, batchNorm: boolean) {
  if (preset === 'lecture') return LECTURE
  return batchNorm ? STANDARD : { ...STANDARD, learningRate: LEARNING_RATE_WITHOUT_BATCH_NORM }
}

function placeholderOf(name: string, values: Values, recipe: typeof STANDARD): string | undefined {
  if (name === 'name') return values.architecture
  if (name === 'seed') return recipe.preset === 'lecture' ? String(LECTURE_SEED) : 'at random'
  if (name === 'priority') return '0'
  if (name === 'trainLimit' || name === 'testLimit') return 'all'
  const value = (recipe as unknown as Record<string, unknown>)[name]
  return typeof value === 'number' ? String(value) : DEFAULTS[name]
}

/** The field beside which an issue stands: of those on its path the nearest; null when there is none. */
function fieldOf(path: readonly string[]): string | null {
  for (let length = path.length; length > 0; length--) {
    const name = path.slice(0, length).join('.')
    if (FIELDS.includes(name)) return name
  }
  return null
}

function isFrozen(freeze: ReturnType<typeof planOf>['freeze']): boolean {
  return freeze != null && !('part' in freeze && freeze.part === 'NONE')
}

/** A plan is not asked for in the form's words alone. */
function ofForm({ path, message }: Issue): Issue {
  return { path: path[0] === 'freeze' ? ['transfer', ...path] : path, message }
}

/** The newest of each model. */
function versionsOf({ models }: ResultOf<typeof CHOICES>) {
  return models.edges.flatMap(({ node }) => node.versions.edges.map(({ node }) => titled(node)))
}

function weightsOf({ checkpoints, modelVersions }: RunToFork) {
  return [
    ...checkpoints.map(
      ({ id, step, epoch, testAccuracy }) =>
        [id, `its checkpoint at step ${step} (epoch ${epoch}, ${percent(testAccuracy)})`] as const,
    ),
    ...modelVersions.map(titled),
  ]
}

function titled({ id, version, accuracy, model }: RunToFork['modelVersions'][number]) {
  const figure = accuracy === null ? '' : ` (${percent(accuracy)})`
  return [id, `${model.name} version ${version}${figure}`] as const
}
