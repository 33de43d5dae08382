import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import { useStream } from '../live/stream.ts'
import { readModel } from './address.ts'
import type { ModelRef } from './documents.ts'

const NAMES = graphql(`
  query ModelNames {
    models(first: 100) {
      edges { node { name versions(first: 1) { edges { node { createdAt dataset { reference } } } } } }
    }
  }
`)

const CHOICES = graphql(`
  query ModelChoices($name: String!) {
    model(name: $name) {
      aliases { name version { id version dataset { reference } } }
      versions(first: 100) { edges { node { id version accuracy dataset { reference } } } }
    }
  }
`)

const MOVED = graphql(`
  subscription AnswerMoved { aliasMoved { name } }
`)

export interface Choices {
  names: readonly string[]
  aliases: readonly { name: string; version: { id: string; version: number } }[]
  versions: readonly { id: string; version: number; accuracy: number | null }[]
}

export interface Chosen {
  /** Null until it is known what the server has. */
  choices: Choices | null
  /** Undefined when nothing can be asked: it is not known yet, or `problem` says why. */
  model: ModelRef | undefined
  /** Of the weights that are asked; other ones have another. */
  weights: string
  /** What the weights learned from, as inputs name it; null where it is not known. */
  dataset: string | null
  problem: string | null
  error: Error | null
}

/** The model that an address names, and what else there is to choose from. It follows an alias that moves. */
export function useModel(text: string | null): Chosen {
  const asked = readModel(text)
  const { data: all, error, refresh: refreshNames } = useQuery(NAMES, {})
  const { data: one, refresh } = useQuery(CHOICES, asked === null ? null : { name: asked.name })
  useStream(MOVED, {}, () => {
    refreshNames()
    refresh()
  })
  const names = all?.models.edges.map(({ node }) => node.name) ?? []
  const nothing = { model: undefined, weights: '', dataset: null, problem: null, error }
  if (all === null) return { ...nothing, choices: null }
  if (asked === null) {
    const newest = all.models.edges
      .flatMap(({ node }) => node.versions.edges.map((edge) => edge.node))
      .reduce<{ createdAt: string; dataset: { reference: string } | null }>(
        (one, other) => (one.createdAt > other.createdAt ? one : other),
        { createdAt: '', dataset: null },
      )
    const dataset = newest.dataset?.reference ?? null
    return {
      ...nothing,
      choices: { names, aliases: [], versions: [] },
      model: null,
      weights: 'newest',
      dataset,
    }
  }
  if (one === null) return { ...nothing, choices: { names, aliases: [], versions: [] } }
  const aliases = one.model?.aliases ?? []
  const versions = one.model?.versions.edges.map(({ node }) => node) ?? []
  const choices = { names, aliases, versions }
  if (one.model === null) return { ...nothing, choices, problem: `There is no model ${asked.name}.` }
  const alias = aliases.find(({ name }) => name === asked.which)
  if (alias !== undefined) {
    const model = { alias: { model: asked.name, name: alias.name } }
    const dataset = alias.version.dataset?.reference ?? null
    return { ...nothing, choices, model, weights: `${alias.name} ${alias.version.id}`, dataset }
  }
  const version = asked.which === '' ? versions[0] : versions.find((it) => String(it.version) === asked.which)
  if (version === undefined) {
    const what = asked.which === '' ? 'version' : `version or alias ${asked.which}`
    return { ...nothing, choices, problem: `${asked.name} has no ${what}.` }
  }
  const dataset = version.dataset?.reference ?? null
  return { ...nothing, choices, model: { versionId: version.id }, weights: version.id, dataset }
}
