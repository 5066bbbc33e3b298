# JSON, in which the library takes settings of models and gives reports.

"The text of a value: objects of dictionaries and named tuples, arrays of vectors, tuples and sets."
json(value) = sprint(write_json, value)

write_json(io, text::Union{AbstractString,Symbol,AbstractChar}) = write_text(io, String(string(text)))
write_json(io, value::Union{Bool,Integer}) = print(io, value)
write_json(io, ::Union{Nothing,Missing}) = print(io, "null")
write_json(io, value::Real) = write_json(io, Float64(value))

function write_json(io, value::AbstractFloat)
    isfinite(value) || invalid("options: has $value, must have finite numbers")
    print(io, value)
end

write_json(io, items::Union{AbstractVector,Tuple,AbstractSet}) =
    write_list(item -> write_json(io, item), io, items, '[', ']')

write_json(io, members::Union{AbstractDict,NamedTuple}) = write_list(io, pairs(members), '{', '}') do (name, value)
    write_text(io, string(name))
    print(io, ": ")
    write_json(io, value)
end

write_json(io, value) =
    fail(:SCN_ERR_TYPE, "options: has a $(typeof(value)), must have texts, numbers, lists or dictionaries")

function write_list(write_item, io, items, open, close)
    print(io, open)
    for (i, item) in enumerate(items)
        i > 1 && print(io, ", ")
        write_item(item)
    end
    print(io, close)
end

function write_text(io, text)
    print(io, '"')
    for c in text
        if c in ('"', '\\')
            print(io, '\\', c)
        elseif c < ' '
            print(io, "\\u", string(UInt32(c); base = 16, pad = 4))
        else
            print(io, c)
        end
    end
    print(io, '"')
end

"A text that is read from left to right."
mutable struct JsonReader
    text::String
    at::Int
end

"""
The value of a text: `Dict{String,Any}` for objects, vectors (of one type where all elements have it) for arrays, `Int`
or `Float64` for numbers, `nothing` for null.
"""
function parse_json(text::AbstractString)
    reader = JsonReader(String(text), 1)
    value = json_value(reader)
    next(reader) == '\0' || unexpected(reader, "the end")
    return value
end

unexpected(reader, wanted) =
    fail(:SCN_ERR_CONFIG, "JSON: has $(repr(peek_at(reader))) at byte $(reader.at), where $wanted must be")

# NUL stands for the end: the library's texts have none.
peek_at(reader) = reader.at > ncodeunits(reader.text) ? '\0' : reader.text[reader.at]
advance!(reader) = (c = peek_at(reader); reader.at = nextind(reader.text, reader.at); c)

"The next character that is no blank, which is not taken."
function next(reader)
    while peek_at(reader) in (' ', '\t', '\r', '\n')
        advance!(reader)
    end
    return peek_at(reader)
end

function expect!(reader, c)
    next(reader) == c || unexpected(reader, repr(c))
    advance!(reader)
end

function json_value(reader)
    c = next(reader)
    c == '{' && return json_members(reader)
    c == '[' && return json_items(reader)
    c == '"' && return json_text(reader)
    c == '-' || isdigit(c) ? json_number(reader) : json_word(reader)
end

function json_members(reader)
    members = Dict{String,Any}()
    advance!(reader)
    while next(reader) != '}'
        isempty(members) || expect!(reader, ',')
        next(reader) == '"' || unexpected(reader, "a name")
        name = json_text(reader)
        expect!(reader, ':')
        members[name] = json_value(reader)
    end
    advance!(reader)
    return members
end

function json_items(reader)
    items = Any[]
    advance!(reader)
    while next(reader) != ']'
        isempty(items) || expect!(reader, ',')
        push!(items, json_value(reader))
    end
    advance!(reader)
    return map(identity, items) # of their own type where they have one
end

function json_number(reader)
    found = match(r"\G-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", reader.text, reader.at)
    found === nothing && unexpected(reader, "a number")
    reader.at += ncodeunits(found.match)
    whole = found[1] === nothing && found[2] === nothing ? tryparse(Int, found.match) : nothing
    return something(whole, parse(Float64, found.match))
end

function json_word(reader)
    for (word, value) in (("true", true), ("false", false), ("null", nothing))
        if startswith(SubString(reader.text, reader.at), word)
            reader.at += ncodeunits(word)
            return value
        end
    end
    unexpected(reader, "a value")
end

const JSON_ESCAPES =
    Dict('"' => '"', '\\' => '\\', '/' => '/', 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t')

function json_text(reader)
    text = IOBuffer()
    advance!(reader)
    while true
        c = peek_at(reader)
        c == '\0' && unexpected(reader, "a closing quote")
        advance!(reader)
        c == '"' && return String(take!(text))
        if c == '\\'
            escaped = peek_at(reader)
            escaped == 'u' || haskey(JSON_ESCAPES, escaped) || unexpected(reader, "an escape")
            advance!(reader)
            c = escaped == 'u' ? json_character(reader) : JSON_ESCAPES[escaped]
        end
        print(text, c)
    end
end

"The character of `\\u` and four digits; one beyond 16 bits is a pair of surrogates."
function json_character(reader)
    unit = hexadecimal(reader)
    if 0xd800 <= unit < 0xdc00 && startswith(SubString(reader.text, reader.at), "\\u")
        reader.at += 2
        low = hexadecimal(reader)
        0xdc00 <= low < 0xe000 || unexpected(reader, "the second half of a character")
        return Char(0x10000 + (unit - 0xd800) * 0x400 + low - 0xdc00)
    end
    return Char(unit)
end

function hexadecimal(reader)
    found = match(r"\G[0-9a-fA-F]{4}", reader.text, reader.at)
    found === nothing && unexpected(reader, "four hexadecimal digits")
    reader.at += 4
    return parse(UInt32, found.match; base = 16)
end
