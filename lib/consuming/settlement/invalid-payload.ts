import { HttpException, ValidationPipe, type PipeTransform } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { errorText, isInstance, printable, propertyOf } from '../../reporting/index.js';
import { InvalidPayloadError, isSettlementError } from './retry.errors.js';

/** The lowest status of an `HttpException` that indicates a fault of the service, not of the payload. */
const SERVER_ERRORS = 500;

/**
 * Whether an error of a pipe means that it rejected the payload, so that no retry can help: an `HttpException` below
 * 500, an `RpcException`, or any error of a `ValidationPipe`. Any other error of a pipe, such as that of an unavailable
 * database, counts as an error of the handler.
 */
export function refusesPayload(error: unknown, pipe: PipeTransform): boolean {
  // The error itself determines how the message is settled.
  if (isSettlementError(error)) return false;
  if (isValidationPipe(pipe) || isInstance(error, RpcException)) return true;
  if (!isInstance(error, HttpException)) return false;
  const status: unknown = error.getStatus();
  return typeof status === 'number' && status < SERVER_ERRORS;
}

/**
 * Converts the error with which a pipe rejected a payload for settlement. It contains the reasons, for the dead letter.
 */
export function invalidPayload(error: unknown): InvalidPayloadError {
  const reasons = reasonsOf(error).filter((reason) => reason !== '');
  return new InvalidPayloadError(printable(`invalid payload: ${reasons.join('; ') || errorText(error)}`), {
    cause: error,
  });
}

/** The name of Nest 12's own pipe for Standard Schemas, which Nest 11 does not export. */
const SCHEMA_PIPE = 'StandardSchemaValidationPipe';

function isValidationPipe(pipe: PipeTransform): boolean {
  if (isInstance(pipe, ValidationPipe)) return true;
  for (let type: unknown = pipe.constructor; typeof type === 'function'; type = Object.getPrototypeOf(type)) {
    if (type.name === SCHEMA_PIPE) return true;
  }
  return false;
}

/**
 * Collects the texts from an error of a pipe: errors, their contents, lists of them, and class-validator's constraints
 * of properties.
 */
function reasonsOf(thrown: unknown, depth = 0): string[] {
  if (depth > LONGEST_PATH || thrown === undefined || thrown === null) return [];
  if (typeof thrown !== 'object') return [errorText(thrown)];
  if (Array.isArray(thrown)) return thrown.flatMap((each) => reasonsOf(each, depth + 1));
  const content = contentOf(thrown);
  if (content !== undefined && content !== thrown) {
    const reasons = reasonsOf(content, depth + 1);
    if (reasons.length > 0) return reasons;
  }
  const constraints = propertyOf(thrown, 'constraints');
  const children = propertyOf(thrown, 'children');
  if (typeof constraints === 'object' || Array.isArray(children)) {
    const property = propertyOf(thrown, 'property');
    const nested = Array.isArray(children) ? children.flatMap((each) => reasonsOf(each, depth + 1)) : [];
    const prefix = typeof property === 'string' ? `${property}.` : '';
    return [...Object.values(constraints ?? {}).map(errorText), ...nested.map((each) => prefix + each)];
  }
  const message = propertyOf(thrown, 'message');
  if (Array.isArray(message)) return reasonsOf(message, depth + 1);
  if (typeof message === 'string') return [message];
  return [json(thrown)];
}

/** The maximum nesting depth of validation errors that is reported. */
const LONGEST_PATH = 8;

/** The response content of a Nest exception. */
function contentOf(thrown: object): unknown {
  try {
    if (isInstance(thrown, HttpException)) return thrown.getResponse();
    return isInstance(thrown, RpcException) ? thrown.getError() : undefined;
  } catch {
    return undefined;
  }
}

function json(value: object): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return errorText(value);
  }
}
