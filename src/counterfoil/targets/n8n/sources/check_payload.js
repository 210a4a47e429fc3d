// Makes the body of POST /v1/pages out of what the model answered.
//
// Every value is built anew after the schema of the database, so that nothing gets through that Notion would not take,
// nor anything that a receipt may have talked the model into: no other database, no other property, no other content.
const job = $('Job').first().json;
const schema = $('Get Notion Schema').first().json.properties ?? {};
const MOST_ELEMENTS = 100;
const MOST_OPTION = 100;
const MOST_ADDRESS = 200;
const MOST_URL = 2000;
const MOST_MESSAGE = 500;
const MOMENT = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

function refuse(words) {
  throw new Error(words);
}

function answer(item) {
  const said = item.output ?? item.text ?? item;
  if (typeof said !== 'string') return said;
  const start = said.indexOf('{');
  const end = said.lastIndexOf('}');
  if (start < 0) refuse('The model answered no JSON.');
  try {
    return JSON.parse(said.slice(start, end + 1));
  } catch {
    return refuse('The model answered JSON that is broken or cut off.');
  }
}

function text(value) {
  if (typeof value === 'string') return value.trim();
  if (!Array.isArray(value)) return '';
  return value.map((part) => part?.text?.content ?? part?.plain_text ?? '').join('').trim();
}

function richText(value) {
  // Notion takes 2000 in an element; 1000, since some characters count as two.
  const pieces = text(value).toWellFormed().match(/[^]{1,1000}/gu) ?? refuse('holds no text');
  if (pieces.length > MOST_ELEMENTS) refuse('is longer than Notion takes');
  return pieces.map((content) => ({ type: 'text', text: { content } }));
}

function short(value, most, form, words) {
  const content = text(value);
  return content.length <= most && form.test(content) ? content : refuse(words);
}

function option(value, options, mayBeNew) {
  const name = text(typeof value === 'string' ? value : value?.name);
  const known = options.find((one) => one.name === name)
    ?? options.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (known) return { name: known.name };
  if (!name) refuse('names no option');
  if (!mayBeNew) refuse(`has no option ${name.slice(0, MOST_OPTION)}`);
  if (name.includes(',')) refuse('names an option with a comma, which Notion does not take');
  if (name.length > MOST_OPTION) refuse('names an option that is longer than Notion takes');
  return { name };
}

function options(values, known) {
  if (!Array.isArray(values) || values.length === 0) refuse('names no options');
  if (values.length > MOST_ELEMENTS) refuse('names more options than Notion takes');
  const named = values.map((value) => option(value, known, true).name);
  return [...new Set(named)].map((name) => ({ name }));
}

function day(value) {
  const [, date, time] = MOMENT.exec(value) ?? [];
  const midnight = new Date(`${date}T00:00:00Z`);
  // Of the 30th of February some make the 2nd of March.
  const real = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
  return real && (!time || !Number.isNaN(Date.parse(value))) ? value : null;
}

function period(value) {
  const start = day(text(typeof value === 'string' ? value : value?.start)) ?? refuse('is no ISO 8601 date');
  const end = day(text(value?.end));
  const alike = end?.includes('T') === start.includes('T'); // a time at both ends, or at none
  return alike && Date.parse(end) >= Date.parse(start) ? { start, end } : { start };
}

const WRITERS = {
  title: richText,
  rich_text: richText,
  number: (value) => (typeof value === 'number' && Number.isFinite(value) ? value : refuse('is no number')),
  select: (value, { select }) => option(value, select.options, true),
  multi_select: (value, { multi_select }) => options(value, multi_select.options),
  status: (value, { status }) => option(value, status.options, false),
  date: period,
  checkbox: (value) => (typeof value === 'boolean' ? value : refuse('is neither true nor false')),
  url: (value) => short(value, MOST_URL, /^https?:\/\/\S+$/i, 'is no address of the web'),
  email: (value) => short(value, MOST_ADDRESS, /^[^\s@]+@[^\s@]+$/, 'is no mail address'),
  phone_number: (value) => short(value, MOST_ADDRESS, /\d/, 'is no telephone number'),
};

function written(name, value) {
  if (!Object.hasOwn(schema, name)) refuse('is no property of the database');
  const property = schema[name];
  if (!Object.hasOwn(WRITERS, property.type)) refuse(`is of type ${property.type}, which is not for a receipt to fill`);
  if (!Object.hasOwn(value, property.type)) refuse(`is of type ${property.type}, and the model wrote another`);
  return WRITERS[property.type](value[property.type], property);
}

const properties = answer($input.first().json)?.properties;
if (properties === null || typeof properties !== 'object' || Array.isArray(properties)) refuse('The model answered no "properties".');
const kept = [];
const leftOut = [];
for (const [name, value] of Object.entries(properties)) {
  if (value === null || value[schema[name]?.type] === null) continue;
  try {
    kept.push([name, written(name, value)]);
  } catch (error) {
    leftOut.push(`${name.slice(0, MOST_OPTION)} ${error.message}`);
  }
}

const title = Object.keys(schema).find((name) => schema[name].type === 'title') ?? refuse('The database has no title.');
if (!kept.some(([name]) => name === title)) refuse(`The model left the title "${title}" empty.`);
const marker = { type: 'text', text: { content: `Counterfoil ${job.job_id}` } };
const said = ['Receipt processed and saved to Notion.', ...leftOut.map((one) => `Left out: ${one}.`)];
const plainly = (value) => (value?.[0]?.text ? text(value) : value);
return [{
  json: {
    page: {
      parent: { database_id: job.notion_database_id },
      properties: Object.fromEntries(kept.map(([name, value]) => [name, { [schema[name].type]: value }])),
      // By this a page is found again whose report was lost.
      children: [{ object: 'block', type: 'paragraph', paragraph: { rich_text: [marker] } }],
    },
    fields: Object.fromEntries(kept.map(([name, value]) => [name, plainly(value)])),
    message: said.join(' ').slice(0, MOST_MESSAGE),
  },
}];
