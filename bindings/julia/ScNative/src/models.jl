# The registry of models and the cache of their files.

"A JSON text that a function of the library writes, read."
function told(f, args...)
    text = Handle{ScnText}()
    plain(f, args..., text)
    return parse_json(taken!(text))
end

"The same of a function with a context."
function told_by(f, title, args...)
    text = Handle{ScnText}()
    invoke(f, title, args..., text)
    return parse_json(taken!(text))
end

"""
    models()

The models that there are, a vector of cards: dictionaries with `"id"`, `"family"`, `"task"`, `"title"`, `"source"`,
`"files"` (with size and sha256 where they are pinned), `"licence"`, `"parameters"`, `"species"`, `"gene_ids"`,
`"citation"`. Reads no network and no cache.

The cards are those of the library, of the files and folders that the environment variable `SCNATIVE_MODELS` names
(separated by colons), and those given to [`model_register`](@ref); of two with one id the last named is taken.

# Examples
```jldoctest
julia> any(card -> card["family"] == "scgpt", models())
true
```
"""
models() = told(scn_models_list)

"""
    model_info(name)

One model's card: see [`models`](@ref). `name` is an id, in any case, also dotted or slashed (`"scgpt/human"`), or an
alias. Throws `SCN_ERR_NOT_FOUND` with the nearest names.

# Examples
```jldoctest
julia> model_info("scGPT/human")["id"]
"scgpt-human"
```
"""
model_info(name) = told(scn_models_info, String(name))

"""
    model_register(card)

Adds a card to the registry of this process: a dictionary or named tuple with `id`, `family`, `source`, and what else
[`model_info`](@ref) shows. One of the same id is replaced. Throws `SCN_ERR_CONFIG` for a card that is malformed,
naming the field.

# Examples
```jldoctest
julia> model_register((id = "mine", family = "scgpt", source = Dict("local" => "/data/mine")))

julia> model_info("mine")["family"]
"scgpt"

julia> model_unregister("mine")
```
"""
model_register(card) = plain(scn_models_register, json(card))

"""
    model_unregister(id)

Takes a card that was registered in this process out of the registry again: see [`model_register`](@ref).

# Examples
```jldoctest
julia> try model_unregister("none"); catch error; error.name; end
"SCN_ERR_NOT_FOUND"
```
"""
model_unregister(id) = plain(scn_models_unregister, String(id))

"""
    model_download(name; revision, cache_dir, endpoint, token, offline, force, acknowledge_licence)

Downloads a model's files into the cache, checks them, and says where they are: `"folder"`, `"commit"`, `"files"`,
`"downloaded_bytes"`. What is there is not downloaded again; an interrupted download goes on where it stopped.

`name` is a name of [`models`](@ref), or a Hugging Face repository: `"org/repo"`, `"org/repo@revision"`,
`"org/repo@revision:subfolder"`. Without keywords the environment's `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`,
`HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE` mean what they mean for huggingface_hub, and the cache has its
layout.

Throws `SCN_ERR_NOT_FOUND` (with the nearest names), `SCN_ERR_ACCESS`, `SCN_ERR_LICENCE`, `SCN_ERR_OFFLINE`,
`SCN_ERR_NETWORK`, `SCN_ERR_CHECKSUM`, `SCN_ERR_DISK_FULL`, `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT` for an unknown
keyword.

# Examples
```jldoctest
julia> try model_download("scgpt-humn"); catch error; error.name; end
"SCN_ERR_NOT_FOUND"
```
"""
model_download(name; options...) = told_by(scn_models_download, "model_download", String(name), json(options))

"""
    model_cache(; cache_dir)

What is in the cache: `"folder"`, `"size"`, and `"repositories"`. Reads no network.

# Examples
```jldoctest
julia> model_cache(cache_dir = mktempdir())["size"]
0
```
"""
model_cache(; options...) = told(scn_models_cache, json(options))

"""
    model_remove(name; revision, cache_dir)

Removes a model from the cache: one revision, or all, and what no other needs. Says `"freed_bytes"` and what was
removed. Throws `SCN_ERR_NOT_FOUND` if it is not there.

# Examples
```jldoctest
julia> try model_remove("scgpt-human"; cache_dir = mktempdir()); catch error; error.name; end
"SCN_ERR_NOT_FOUND"
```
"""
model_remove(name; options...) = told(scn_models_remove, String(name), json(options))

"""
    model_prune(; cache_dir)

Removes from the cache what nothing needs: partial files, contents without a snapshot, broken snapshots. Says
`"freed_bytes"` and what was removed.

# Examples
```jldoctest
julia> model_prune(cache_dir = mktempdir())["freed_bytes"]
0
```
"""
model_prune(; options...) = told(scn_models_prune, json(options))

"""
    model_verify(name; revision, cache_dir, remove_corrupt)

Reads a model's files in the cache again and compares them with what they must be. Lists those that are `"ok"`,
`"corrupt"`, `"missing"` and `"unpinned"`. Throws `SCN_ERR_NOT_FOUND` if it is not in the cache.

# Examples
```jldoctest
julia> try model_verify("scgpt-human"; cache_dir = mktempdir()); catch error; error.name; end
"SCN_ERR_NOT_FOUND"
```
"""
model_verify(name; options...) = told_by(scn_models_verify, "model_verify", String(name), json(options))
