JSON.stringify({
  status: 'success',
  message: $('Check Payload').first().json.message,
  notion_page_url: $json.url,
  notion_page_id: $json.id,
  stage: $prevNode.name,
  execution_id: $execution.id,
  fields: $('Check Payload').first().json.fields,
})
