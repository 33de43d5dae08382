import { fusedLayers } from '../engine/fused.ts'
import type { Optimizer } from '../runs/model/hyperparameters.ts'
import { tf } from '../tensorflow.ts'

/** Updates variables in place from their gradients. */
export interface Stepper {
  /**
   * @param gradients  by variable name, each of its variable's shape; not disposed here
   * @returns whether each variable's gradient was finite, if the engine sees it in passing; else null
   */
  apply(gradients: Readonly<Record<string, tf.Tensor>>, learningRate: number): boolean[] | null
  /** What it keeps beside each variable, by role and in the order of the variables: with `updates`, all its state. */
  readonly slots: Readonly<Record<string, readonly tf.Variable[]>>
  /** How often it has been applied; set to go on from slots that were kept. */
  updates: number
  dispose(): void
}

/**
 * tfjs' own optimizers have neither weight decay nor (for Adam) a rate that a schedule can set,
 * so the update rules are written out here.
 *
 * @param rates  times the learning rate, for each variable; 1 for all when left out
 */
export function createStepper(
  optimizer: Optimizer,
  variables: readonly tf.Variable[],
  rates: readonly number[] = variables.map(() => 1),
): Stepper {
  for (const variable of variables) fusedLayers(tf)?.settle(variable)
  return optimizer.kind === 'sgd' ? sgd(optimizer, variables, rates) : adam(optimizer, variables, rates)
}

/**
 * SGD as PyTorch's: g = gradient + weightDecay * w; v = momentum * v + g (v starts as the first g);
 * d = nesterov ? g + momentum * v : v; w = w - rate * d.
 */
function sgd(
  options: Extract<Optimizer, { kind: 'sgd' }>,
  variables: readonly tf.Variable[],
  rates: readonly number[],
): Stepper {
  const { momentum, nesterov, weightDecay } = options
  const velocities = momentum === 0 ? [] : variables.map((it) => zeros(it, 'velocity'))
  const fused = fusedLayers(tf)
  return {
    slots: momentum === 0 ? {} : { velocity: velocities },
    updates: 0,
    apply(gradients, learningRate) {
      this.updates += 1
      if (fused !== undefined) {
        const ruleOf = byRate(rates, (rate) => ({
          learningRate: learningRate * rate,
          momentum,
          nesterov,
          weightDecay,
        }))
        return variables.map((variable, i) =>
          fused.sgdStep(variable, gradients[variable.name], velocities[i] ?? null, ruleOf(i)),
        )
      }
      variables.forEach((variable, i) => {
        tf.tidy(() => {
          const gradient = gradients[variable.name]
          const g = weightDecay === 0 ? gradient : gradient.add(variable.mul(weightDecay))
          let direction = g
          if (momentum !== 0) {
            const velocity = velocities[i]
            const next = velocity.mul(momentum).add(g)
            velocity.assign(next)
            direction = nesterov ? g.add(next.mul(momentum)) : next
          }
          variable.assign(variable.sub(direction.mul(learningRate * rates[i])))
        })
      })
      return null
    },
    dispose() {
      tf.dispose(velocities)
    },
  }
}

/**
 * Adam with decoupled weight decay (Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101):
 * w = w * (1 - rate * weightDecay) - rate * mHat / (sqrt(vHat) + epsilon). With weightDecay 0 it is plain Adam.
 */
function adam(
  options: Extract<Optimizer, { kind: 'adam' }>,
  variables: readonly tf.Variable[],
  rates: readonly number[],
): Stepper {
  const { beta1, beta2, epsilon, weightDecay } = options
  const means = variables.map((it) => zeros(it, 'mean'))
  const squares = variables.map((it) => zeros(it, 'square'))
  const fused = fusedLayers(tf)
  return {
    slots: { mean: means, square: squares },
    updates: 0,
    apply(gradients, learningRate) {
      this.updates += 1
      const step = this.updates
      const meanBias = 1 - beta1 ** step
      const squareBias = 1 - beta2 ** step
      if (fused !== undefined) {
        const ruleOf = byRate(rates, (rate) => ({
          learningRate: learningRate * rate,
          beta1,
          beta2,
          epsilon,
          weightDecay,
          step,
        }))
        return variables.map((variable, i) =>
          fused.adamStep(variable, gradients[variable.name], means[i], squares[i], ruleOf(i)),
        )
      }
      variables.forEach((variable, i) => {
        tf.tidy(() => {
          const g = gradients[variable.name]
          const rate = learningRate * rates[i]
          const mean = means[i].mul(beta1).add(g.mul(1 - beta1))
          const square = squares[i].mul(beta2).add(g.square().mul(1 - beta2))
          means[i].assign(mean as tf.Tensor)
          squares[i].assign(square as tf.Tensor)
          const update = mean.div(square.div(squareBias).sqrt().add(epsilon)).mul(rate / meanBias)
          const decayed = weightDecay === 0 ? variable : variable.mul(1 - rate * weightDecay)
          variable.assign(decayed.sub(update))
        })
      })
      return null
    },
    dispose() {
      tf.dispose([...means, ...squares])
    },
  }
}

/** One rule for all variables of a rate: what is given to a step of each, only a full collection frees. */
function byRate<Rule>(rates: readonly number[], make: (rate: number) => Rule): (index: number) => Rule {
  const rules = new Map<number, Rule>()
  for (const rate of rates) if (!rules.has(rate)) rules.set(rate, make(rate))
  return (index) => rules.get(rates[index])!
}

function zeros(like: tf.Variable, role: string): tf.Variable {
  return tf.tidy(() => {
    const value = fusedLayers(tf)?.zerosLike(like) ?? tf.zerosLike(like)
    return tf.variable(value, false, `${like.name}/${role}`)
  })
}
