import type { RejectionReason } from './site.ts';

/** Why a candidate is turned down; the reason may be left open where it is none of a kind and may be one of another. */
export interface Refusal<Reason = RejectionReason> {
  readonly reason: Reason;
  /** One sentence. */
  readonly detail: string;
}

/** A condition that candidates of a kind meet. */
export interface Rule<Candidate, Reason = RejectionReason> {
  /** What is so where it is met: shown by `sites --explain`. */
  readonly name: string;
  /** Says why a candidate does not meet it. */
  readonly refuse: (candidate: Candidate) => Refusal<Reason> | undefined;
}

/** A refusal, and the rule that gave it. */
export interface Refused<Reason = RejectionReason> extends Refusal<Reason> {
  readonly rule: string;
}

/** What one rule said of a candidate. */
export interface RuleAnswer {
  readonly rule: string;
  /** Null where the rule is met. */
  readonly refusal: string | null;
}

/** Asks the rules one after the other, up to the first that is not met. */
export function askRules<Candidate, Reason>(
  rules: readonly Rule<Candidate, Reason>[],
  candidate: Candidate,
): Refused<Reason> | undefined {
  for (const { name, refuse } of rules) {
    const refusal = refuse(candidate);
    if (refusal !== undefined) return { ...refusal, rule: name };
  }
  return undefined;
}

/** What each rule has said that was asked, from how the asking ended. */
export function answersOf(
  rules: readonly { readonly name: string }[],
  refused: Refused<unknown> | undefined,
): readonly RuleAnswer[] {
  const last =
    refused === undefined ? rules.length : rules.findIndex(({ name }) => name === refused.rule) + 1;
  return rules.slice(0, last).map(({ name }) => ({
    rule: name,
    refusal: name === refused?.rule ? refused.detail : null,
  }));
}
