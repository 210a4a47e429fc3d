"""What people call the parts of a receipt, in eight languages: the table that the rules mapper looks things up in."""

from collections.abc import Mapping
from typing import TypeAlias

Names: TypeAlias = Mapping[str, str]
"""Names by language, separated by commas."""

LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
    "pl": "Polish",
}

PROPERTY_NAMES: Mapping[str, Names] = {
    "merchant.name": {
        "en": (
            "merchant, merchant name, vendor, vendor name, supplier, supplier name, seller, store, shop, payee,"
            " company, business, retailer, creditor, issuer, from, who, bought from, purchased from"
        ),
        "de": (
            "Händler, Händlername, Verkäufer, Lieferant, Anbieter, Geschäft, Laden, Firma, Unternehmen,"
            " Rechnungssteller, Kreditor, Zahlungsempfänger, Aussteller"
        ),
        "fr": (
            "commerçant, marchand, vendeur, fournisseur, magasin, enseigne, société, entreprise, émetteur, bénéficiaire"
        ),
        "es": "comercio, comerciante, vendedor, proveedor, tienda, establecimiento, empresa, emisor",
        "it": "esercente, negozio, venditore, fornitore, commerciante, azienda, ditta, emittente",
        "nl": "winkel, leverancier, verkoper, handelaar, bedrijf, firma, crediteur",
        "pt": "comerciante, fornecedor, vendedor, loja, estabelecimento, empresa, emissor, emitente",
        "pl": "sprzedawca, dostawca, sklep, firma, wystawca, kontrahent",
    },
    "merchant.address": {
        "en": "address, merchant address, vendor address, supplier address, store address, location, place",
        "de": "Adresse, Anschrift, Händleradresse, Ort",
        "fr": "adresse, lieu",
        "es": "dirección, domicilio, lugar",
        "it": "indirizzo, luogo",
        "nl": "adres, plaats",
        "pt": "endereço, morada, local",
        "pl": "adres, miejsce",
    },
    "merchant.tax_id": {
        "en": (
            "tax id, tax number, vat id, vat number, vat reg no, vat registration number, gst number, gst id, gst no,"
            " abn, ein, merchant tax id, vendor tax id, supplier vat number"
        ),
        "de": (
            "USt-IdNr, UStID, USt-ID, Umsatzsteuer-ID, Umsatzsteuer-Identifikationsnummer, Steuernummer, UID,"
            " UID-Nummer"
        ),
        "fr": "numéro de TVA, n° TVA, TVA intracommunautaire, SIRET, SIREN, numéro fiscal",
        "es": "NIF, CIF, RFC, número de identificación fiscal, identificación fiscal",
        "it": "partita IVA, P.IVA, codice fiscale",
        "nl": "btw-nummer, btw-id, btw-identificatienummer",
        "pt": "NIF, NIPC, CNPJ, número de contribuinte",
        "pl": "NIP, numer NIP, numer VAT",
    },
    "merchant.phone": {
        "en": "phone, phone number, telephone, merchant phone, vendor phone, tel",
        "de": "Telefon, Telefonnummer",
        "fr": "téléphone, numéro de téléphone",
        "es": "teléfono",
        "it": "telefono, numero di telefono",
        "nl": "telefoon, telefoonnummer",
        "pt": "telefone",
        "pl": "telefon, numer telefonu",
    },
    "buyer.name": {
        "en": "buyer, customer, customer name, bill to, billed to, client, recipient, purchaser",
        "de": "Käufer, Kunde, Rechnungsempfänger, Empfänger",
        "fr": "acheteur, client, destinataire",
        "es": "comprador, cliente, destinatario",
        "it": "acquirente, cliente, destinatario",
        "nl": "koper, klant, afnemer",
        "pt": "comprador, cliente, destinatário",
        "pl": "nabywca, klient, kupujący",
    },
    "buyer.address": {
        "en": "buyer address, customer address, billing address",
        "de": "Rechnungsadresse, Kundenadresse, Rechnungsanschrift",
        "fr": "adresse de facturation",
        "es": "dirección de facturación",
        "it": "indirizzo di fatturazione",
        "nl": "factuuradres",
        "pt": "endereço de cobrança, morada de faturação",
        "pl": "adres nabywcy",
    },
    "buyer.tax_id": {
        "en": "buyer tax id, customer vat number, customer tax id, buyer vat number",
        "de": "USt-IdNr des Kunden, Kunden-UID",
        "fr": "TVA du client",
        "es": "NIF del cliente",
        "it": "partita IVA cliente",
        "nl": "btw-nummer klant",
        "pt": "NIF do cliente",
        "pl": "NIP nabywcy",
    },
    "number": {
        "en": (
            "number, no, invoice number, invoice no, invoice id, receipt number, receipt no, document number,"
            " bill number, reference, ref, reference number, invoice, voucher number"
        ),
        "de": "Nummer, Nr, Rechnungsnummer, Rechnungsnr, Belegnummer, Belegnr, Bonnummer, Dokumentnummer, Referenz",
        "fr": "numéro, n°, numéro de facture, n° facture, numéro de reçu, numéro de ticket, référence",
        "es": "número, n.º, número de factura, número de recibo, núm. factura, folio, referencia",
        "it": "numero, numero fattura, numero di fattura, numero scontrino, riferimento",
        "nl": "nummer, factuurnummer, bonnummer, referentie",
        "pt": "número, número da fatura, número do recibo, nota fiscal, referência",
        "pl": "numer, numer faktury, numer paragonu, nr faktury",
    },
    "issue_date": {
        "en": (
            "date, invoice date, receipt date, purchase date, date of purchase, issue date, issued, issued on,"
            " transaction date, document date, bill date, bought on, expense date, day, when"
        ),
        "de": "Datum, Rechnungsdatum, Belegdatum, Kaufdatum, Ausstellungsdatum, Buchungsdatum, Tag",
        "fr": "date, date de facture, date d'achat, date d'émission, date du ticket, jour",
        "es": "fecha, fecha de factura, fecha de compra, fecha de emisión, día",
        "it": "data, data fattura, data acquisto, data di emissione, data documento, giorno",
        "nl": "datum, factuurdatum, aankoopdatum, bondatum",
        "pt": "data, data da fatura, data da compra, data de emissão",
        "pl": "data, data faktury, data zakupu, data wystawienia, data sprzedaży",
    },
    "issue_time": {
        "en": "time, time of purchase, receipt time",
        "de": "Uhrzeit, Zeit",
        "fr": "heure",
        "es": "hora",
        "it": "ora, orario",
        "nl": "tijd, tijdstip",
        "pt": "hora",
        "pl": "godzina",
    },
    "due_date": {
        "en": "due date, due, due on, payment due, pay by, payable by, payment deadline",
        "de": "Fälligkeitsdatum, fällig am, fällig, Fälligkeit, Zahlungsziel, zahlbar bis",
        "fr": "date d'échéance, échéance, à payer avant le",
        "es": "fecha de vencimiento, vencimiento, fecha límite de pago",
        "it": "scadenza, data di scadenza, data scadenza",
        "nl": "vervaldatum, vervaldag, uiterste betaaldatum",
        "pt": "vencimento, data de vencimento",
        "pl": "termin płatności, termin zapłaty",
    },
    "currency": {
        "en": "currency, currency code, ccy",
        "de": "Währung",
        "fr": "devise, monnaie",
        "es": "moneda, divisa",
        "it": "valuta, divisa",
        "nl": "valuta, munteenheid",
        "pt": "moeda, divisa",
        "pl": "waluta",
    },
    "subtotal": {
        "en": (
            "subtotal, sub total, net, net amount, net total, amount before tax, total before tax, total excl tax,"
            " total excluding vat, amount excl vat, taxable amount"
        ),
        "de": "Netto, Nettobetrag, Nettosumme, Zwischensumme, Summe netto, Betrag netto",
        "fr": "sous-total, montant HT, total HT, HT, montant hors taxes, net HT",
        "es": "subtotal, base imponible, importe neto, neto, total sin IVA",
        "it": "subtotale, imponibile, importo netto, netto, totale senza IVA",
        "nl": "subtotaal, netto, nettobedrag, bedrag excl btw, totaal exclusief btw",
        "pt": "subtotal, valor líquido, total sem IVA, valor sem IVA",
        "pl": "netto, kwota netto, suma netto, wartość netto",
    },
    "tax_total": {
        "en": (
            "tax, taxes, tax amount, total tax, tax total, vat, vat amount, total vat, sales tax, gst, gst amount, hst"
        ),
        "de": "Steuer, Steuern, Steuerbetrag, MwSt, MwSt-Betrag, Mehrwertsteuer, USt, Umsatzsteuer, Vorsteuer",
        "fr": "TVA, taxe, taxes, montant TVA, total TVA, montant de la TVA",
        "es": "IVA, impuesto, impuestos, importe IVA, cuota IVA",
        "it": "IVA, imposta, imposte, importo IVA, totale IVA",
        "nl": "btw, btw-bedrag, belasting, totaal btw",
        "pt": "IVA, imposto, impostos, valor do IVA, total IVA",
        "pl": "VAT, podatek, kwota VAT, podatek VAT",
    },
    "tip": {
        "en": "tip, tips, gratuity",
        "de": "Trinkgeld",
        "fr": "pourboire",
        "es": "propina",
        "it": "mancia",
        "nl": "fooi",
        "pt": "gorjeta",
        "pl": "napiwek",
    },
    "discount": {
        "en": "discount, discounts, rebate, savings",
        "de": "Rabatt, Nachlass, Ermäßigung",
        "fr": "remise, réduction, rabais",
        "es": "descuento",
        "it": "sconto",
        "nl": "korting",
        "pt": "desconto",
        "pl": "rabat, zniżka",
    },
    "total": {
        "en": (
            "total, amount, total amount, grand total, sum, gross, gross amount, amount due, amount paid, total paid,"
            " total incl tax, total incl vat, total price, price, cost, spent, value, invoice total, expense,"
            " balance due"
        ),
        "de": (
            "Summe, Gesamt, Gesamtbetrag, Gesamtsumme, Betrag, Brutto, Bruttobetrag, Rechnungsbetrag, Endbetrag,"
            " Preis, Kosten, zu zahlen, Total"
        ),
        "fr": "total, montant, montant total, total TTC, montant TTC, TTC, prix, somme, net à payer, coût",
        "es": "total, importe, importe total, monto, monto total, precio, suma, total a pagar, coste",
        "it": "totale, importo, importo totale, prezzo, somma, totale da pagare, costo",
        "nl": "totaal, bedrag, totaalbedrag, bruto, prijs, te betalen, kosten, som",
        "pt": "total, valor, valor total, montante, preço, total a pagar, custo",
        "pl": "suma, razem, kwota, kwota brutto, brutto, do zapłaty, wartość brutto, cena, koszt",
    },
    "payment_method": {
        "en": "payment, payment method, payment type, paid with, paid by, method of payment, payment mode, tender",
        "de": "Zahlung, Zahlungsart, Zahlungsmethode, Zahlungsmittel, Zahlungsweise, bezahlt mit",
        "fr": "paiement, mode de paiement, moyen de paiement, règlement, mode de règlement",
        "es": "pago, método de pago, forma de pago, medio de pago",
        "it": "pagamento, metodo di pagamento, modalità di pagamento, tipo di pagamento",
        "nl": "betaling, betaalmethode, betaalwijze, betaald met",
        "pt": "pagamento, método de pagamento, forma de pagamento, meio de pagamento",
        "pl": "płatność, metoda płatności, forma płatności, sposób płatności",
    },
    "payment_last_digits": {
        "en": "card, card number, last digits, last 4, last four, last 4 digits, card last 4",
        "de": "Kartennummer, letzte Ziffern, letzte 4 Ziffern",
        "fr": "numéro de carte, derniers chiffres",
        "es": "número de tarjeta, últimos dígitos",
        "it": "numero carta, ultime cifre",
        "nl": "kaartnummer, laatste cijfers",
        "pt": "número do cartão, últimos dígitos",
        "pl": "numer karty, ostatnie cyfry",
    },
    "line_items": {
        "en": (
            "items, line items, lines, products, articles, positions, item list, description, details, contents, what"
        ),
        "de": "Positionen, Artikel, Posten, Rechnungspositionen, Waren, Beschreibung, Inhalt",
        "fr": "articles, lignes, produits, description, détail, désignation",
        "es": "artículos, líneas, productos, conceptos, concepto, descripción, detalle",
        "it": "articoli, righe, prodotti, voci, descrizione, dettaglio",
        "nl": "artikelen, regels, producten, posten, omschrijving, beschrijving",
        "pt": "artigos, itens, linhas, produtos, descrição, detalhes",
        "pl": "pozycje, artykuły, produkty, towary, opis",
    },
    "category": {
        "en": "category, categories, expense category, expense type, account, type, cost category, tag, tags, label",
        "de": "Kategorie, Kategorien, Ausgabenart, Kostenart, Konto, Rubrik, Art, Typ",
        "fr": "catégorie, catégories, type de dépense, compte, type, rubrique",
        "es": "categoría, categorías, tipo de gasto, cuenta, tipo",
        "it": "categoria, categorie, tipo di spesa, conto, tipo",
        "nl": "categorie, categorieën, soort uitgave, kostensoort, type, soort",
        "pt": "categoria, categorias, tipo de despesa, conta, tipo",
        "pl": "kategoria, kategorie, rodzaj wydatku, konto, typ, rodzaj",
    },
    "kind": {
        "en": "kind, document type, doc type, document kind, type of document, receipt or invoice, type",
        "de": "Belegart, Dokumentart, Dokumenttyp, Belegtyp, Art, Typ",
        "fr": "type de document, nature du document, type",
        "es": "tipo de documento, tipo de comprobante, clase de documento, tipo",
        "it": "tipo di documento, tipo documento, tipo",
        "nl": "documenttype, soort document, documentsoort, type",
        "pt": "tipo de documento, tipo",
        "pl": "typ dokumentu, rodzaj dokumentu, typ",
    },
    "language": {
        "en": "language",
        "de": "Sprache",
        "fr": "langue",
        "es": "idioma",
        "it": "lingua",
        "nl": "taal",
        "pt": "idioma, língua",
        "pl": "język",
    },
    "notes": {
        "en": "notes, note, comment, comments, remarks, memo",
        "de": "Notizen, Notiz, Bemerkung, Bemerkungen, Kommentar, Anmerkung",
        "fr": "notes, note, remarque, remarques, commentaire",
        "es": "notas, nota, observaciones, comentario, comentarios",
        "it": "note, nota, osservazioni, commento",
        "nl": "notities, notitie, opmerking, opmerkingen",
        "pt": "notas, nota, observações, comentário",
        "pl": "notatki, uwagi, uwaga, komentarz",
    },
    "document.url": {
        "en": "document, link, receipt link, link to receipt, document link, document url, file link, source, url",
        "de": "Dokument, Link, Beleglink, Link zum Beleg, Quelle",
        "fr": "document, lien",
        "es": "documento, enlace",
        "it": "documento, collegamento",
        "nl": "document, koppeling",
        "pt": "documento, ligação",
        "pl": "dokument, odnośnik",
    },
    "tax_rate": {
        "en": "tax rate, vat rate, gst rate, sales tax rate",
        "de": "Steuersatz, MwSt-Satz, Mehrwertsteuersatz, USt-Satz, Umsatzsteuersatz",
        "fr": "taux de TVA, taux TVA",
        "es": "tipo de IVA, tipo impositivo, tasa de impuesto",
        "it": "aliquota, aliquota IVA",
        "nl": "btw-tarief, btw-percentage",
        "pt": "taxa de IVA, alíquota",
        "pl": "stawka VAT, stawka podatku",
    },
    "delivery.key": {
        "en": "counterfoil id, counterfoil key",
        "de": "Counterfoil-ID, Counterfoil-Schlüssel",
        "fr": "ID Counterfoil, clé Counterfoil",
        "es": "ID de Counterfoil, clave de Counterfoil",
        "it": "ID Counterfoil, chiave Counterfoil",
        "nl": "Counterfoil-ID, Counterfoil-sleutel",
        "pt": "ID Counterfoil, chave Counterfoil",
        "pl": "ID Counterfoil, klucz Counterfoil",
    },
    "document.file": {
        "en": "file, files, attachment, attachments, receipt, scan, photo, image, picture, document, pdf, invoice",
        "de": "Datei, Dateien, Anhang, Anhänge, Beleg, Foto, Bild, Dokument, Quittung, Rechnung",
        "fr": "fichier, fichiers, pièce jointe, justificatif, reçu, photo, facture",
        "es": "archivo, archivos, adjunto, adjuntos, recibo, foto, factura",
        "it": "allegato, allegati, ricevuta, scontrino, foto, fattura",
        "nl": "bestand, bestanden, bijlage, bijlagen, bon, foto, factuur",
        "pt": "arquivo, ficheiro, anexo, anexos, recibo, foto, fatura",
        "pl": "plik, pliki, załącznik, załączniki, paragon, zdjęcie, faktura",
    },
    "document.name": {
        "en": "file name, filename, document name",
        "de": "Dateiname",
        "fr": "nom du fichier",
        "es": "nombre del archivo",
        "it": "nome file",
        "nl": "bestandsnaam",
        "pt": "nome do arquivo, nome do ficheiro",
        "pl": "nazwa pliku",
    },
    "delivered_at": {
        "en": "delivered, delivered at, imported, imported at, added, added at, recorded at",
        "de": "importiert, importiert am, erfasst am",
        "fr": "importé le, ajouté le",
        "es": "importado el, añadido el",
        "it": "importato il, aggiunto il",
        "nl": "geïmporteerd op, toegevoegd op",
        "pt": "importado em, adicionado em",
        "pl": "zaimportowano, dodano",
    },
}

NOT_ON_A_RECEIPT: Names = {
    "en": (
        "payment date, paid on, date paid, paid date, delivery date, start date, end date, created, created at,"
        " created date, modified, last edited, birthday, date of birth, reminder, reimbursed, reimbursement date,"
        " approved, approved by, approval date, status, project, project number, project name, employee, assignee,"
        " owner, department, quantity, exchange rate, rate, budget, tax year, fiscal year,"
        " quarter, month, year, account number, bank account, account name, contact name, first name, last name,"
        " customer number, order number, unit price, tracking number, serial number, business purpose, purpose"
    ),
    "de": (
        "Zahldatum, bezahlt am, Lieferdatum, Startdatum, Enddatum, erstellt, Geburtstag, Projekt, Projektnummer,"
        " Mitarbeiter, Menge, Budget, Monat, Jahr, Kontonummer, Kundennummer, Bestellnummer,"
        " Auftragsnummer, Einzelpreis"
    ),
    "fr": (
        "date de paiement, payé le, date de livraison, date de création, anniversaire, projet, employé, quantité,"
        " mois, année, numéro de compte, numéro client, numéro de commande, prix unitaire"
    ),
    "es": (
        "fecha de pago, pagado el, fecha de entrega, fecha de creación, cumpleaños, proyecto, empleado, cantidad,"
        " mes, año, número de cuenta, número de cliente, número de pedido, precio unitario"
    ),
    "it": (
        "data di pagamento, pagato il, data di consegna, data di creazione, compleanno, progetto, dipendente,"
        " quantità, mese, anno, numero conto, numero cliente, numero ordine, prezzo unitario"
    ),
    "nl": (
        "betaaldatum, betaald op, leverdatum, startdatum, einddatum, verjaardag, project, medewerker, aantal, maand,"
        " jaar, rekeningnummer, klantnummer, bestelnummer, stukprijs"
    ),
    "pt": (
        "data de pagamento, pago em, data de entrega, data de criação, aniversário, projeto, funcionário, quantidade,"
        " mês, ano, número da conta, número do cliente, número do pedido, preço unitário"
    ),
    "pl": (
        "data płatności, zapłacono, data dostawy, data utworzenia, urodziny, projekt, pracownik, ilość, miesiąc, rok,"
        " numer konta, numer klienta, numer zamówienia, cena jednostkowa"
    ),
}
"""Names that look like one of ours but ask for something else: a column called like this stays empty."""

CHOICE_NAMES: Mapping[str, Mapping[str, str]] = {
    "kind": {
        "receipt": (
            "receipt, Beleg, Quittung, Kassenbon, Bon, Kassenzettel, reçu, ticket, ticket de caisse, recibo,"
            " ricevuta, scontrino, kassabon, bonnetje, talão, paragon"
        ),
        "invoice": (
            "invoice, bill, Rechnung, facture, factura, fattura, factuur, rekening, fatura, nota fiscal, faktura"
        ),
        "credit_note": (
            "credit note, credit memo, refund, Gutschrift, avoir, nota de crédito, abono, nota di credito,"
            " creditnota, faktura korygująca, korekta"
        ),
    },
    "payment_method": {
        "cash": (
            "cash, bar, Barzahlung, Bargeld, espèces, comptant, efectivo, contanti, contant, dinheiro, numerário,"
            " gotówka"
        ),
        "card": (
            "card, credit card, debit card, Karte, Kartenzahlung, Kreditkarte, EC-Karte, Girocard, carte,"
            " carte bancaire, CB, tarjeta, carta, carta di credito, bancomat, pin, pinpas, kaart, cartão, multibanco,"
            " karta"
        ),
        "transfer": (
            "transfer, bank transfer, wire, wire transfer, Überweisung, virement, virement bancaire, transferencia,"
            " bonifico, overschrijving, overboeking, transferência, przelew"
        ),
        "direct_debit": (
            "direct debit, Lastschrift, SEPA-Lastschrift, Bankeinzug, prélèvement, domiciliación, addebito diretto,"
            " automatische incasso, incasso, débito direto, polecenie zapłaty"
        ),
        "other": "other, Sonstige, Sonstiges, Andere, autre, otro, altro, anders, overig, outro, inne",
    },
    "currency": {
        "EUR": "EUR, €, Euro, Euros, EUR (€), € EUR, EUR €",
        "USD": "USD, $, US$, US Dollar, US Dollars, USD ($), $ USD, USD $",
        "GBP": "GBP, £, Pound, Pounds, Pound Sterling, GBP (£), £ GBP, GBP £",
        "CHF": "CHF, Fr, SFr, Swiss Franc, Schweizer Franken, Franken, franc suisse",
        "PLN": "PLN, zł, Złoty, Zloty, Polish Zloty",
        "JPY": "JPY, Yen, Japanese Yen",
        "CAD": "CAD, CA$, C$, Canadian Dollar",
        "AUD": "AUD, AU$, A$, Australian Dollar",
        "MYR": "MYR, RM, Ringgit",
        "SEK": "SEK, Swedish Krona, Svensk krona",
        "DKK": "DKK, Danish Krone, Dansk krone",
        "NOK": "NOK, Norwegian Krone, Norsk krone",
        "CZK": "CZK, Kč, Czech Koruna",
    },
    "language": {
        "en": "en, English, Englisch, anglais, inglés, inglese, Engels, inglês, angielski",
        "de": "de, German, Deutsch, allemand, alemán, tedesco, Duits, alemão, niemiecki",
        "fr": "fr, French, Französisch, français, francés, francese, Frans, francês, francuski",
        "es": "es, Spanish, Spanisch, espagnol, español, spagnolo, Spaans, espanhol, hiszpański",
        "it": "it, Italian, Italienisch, italien, italiano, Italiaans, włoski",
        "nl": "nl, Dutch, Niederländisch, néerlandais, neerlandés, olandese, Nederlands, neerlandês, niderlandzki",
        "pt": "pt, Portuguese, Portugiesisch, portugais, portugués, portoghese, Portugees, português, portugalski",
        "pl": "pl, Polish, Polnisch, polonais, polaco, polacco, Pools, polonês, polski",
    },
}
"""How the choices that a record makes are called in other people's option lists."""

TOO_COMMON = frozenset(
    word
    for line in (
        "name no nr number from who what when type day time card invoice receipt document company account due value",
        "details contents place location source link note label tag tags price cost lines items",
        "typ art tipo numero numer nummer nom nome nombre naam nazwa data dia ora hora ort laden",
    )
    for word in line.split()
)
"""Words that mean something only when they stand alone: "Pet name" is no merchant."""
