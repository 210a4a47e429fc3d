JSON.stringify({
  status: 'failure',
  message: ((words) => (
    words
      .replace(/ \[line \d+\]$/, '')
      .replace(/\b(sk|ntn|secret|pat|key)[-_][\w-]{8,}|\bBearer\s+\S+/gi, '[secret]')
      .slice(0, 500)
    + (/multiple[ _]data[ _]sources/i.test(words)
      ? ' n8n speaks a version of the Notion API that knows databases with one data source only:'
        + ' name another database, or have Counterfoil write to this one itself (WORKFLOW=builtin).'
      : '')
  ))(String($json.error?.description || $json.error?.message || String($json.error || 'No reason was given.'))),
  notion_page_url: null,
  notion_page_id: null,
  stage: $prevNode.name,
  execution_id: $execution.id,
})
