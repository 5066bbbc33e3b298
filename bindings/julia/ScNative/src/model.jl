# Models that are run.

free(model::Ptr{ScnModel}) = model == C_NULL ? nothing : scn_model_free(model)

"""
    Model(name; options...)

Opens a model: a folder (`"./folder"`, `"/folder"`, `"~/folder"`), a name of [`models`](@ref), or a Hugging Face
repository as in [`model_download`](@ref), which is downloaded if it is not in the cache. Nothing in its files is ever
run. Memory: the weights once, until the object is collected or `close(model)`.

Keywords: those of [`model_download`](@ref); `family`, for a folder whose configuration does not say it; `dtype`, the
type in which weights are held: `"f32"` (default), `"bf16"`, `"f16"`, or `"auto"` for that of the file; and those of
the family.

Fields: `config`, `io` (`"inputs"` and `"outputs"` with names, types and shapes, `"options"`, those of `"embed"`, and
`"tasks"`), `card` (or `nothing`), `family`, `title`, `parameters`, `n_genes`, `folder`, `weights` (what was found,
missing or left over in the files).

Throws as [`model_download`](@ref); `SCN_ERR_CONFIG` for a configuration with an unknown key, value or family,
`SCN_ERR_WEIGHTS` for weights that do not fit it, `SCN_ERR_CHECKPOINT` for a file that is truncated, malformed or
hostile.

    model(inputs; seed, options...)

The original implementation's forward pass on named arrays, a `Dict` or named tuple; every output of it as a
`Dict{String,Array}`. A shape `[B, L]` is a matrix of B rows: `size` reads as the shape is documented, whatever the
order in memory. Whole numbers are the model's own and count from 0. Throws `SCN_ERR_INVALID_ARGUMENT` for an array or
option that is unknown or missing, or a number out of range, `SCN_ERR_SHAPE`, `SCN_ERR_TYPE`.

# Examples
```jldoctest
julia> try Model("/no/such/folder"); catch error; error isa ScNativeError; end
true
```
```julia
model = Model("scgpt-human")
model.config["nlayers"]
outputs = model(Dict("src" => [60697 1 2 3], "values" => Float32[0 5 1 9]))
size(outputs["encoder_output"])
```
"""
struct Model
    handle::Handle{ScnModel}
    name::String
    family::String
    title::String
    config::Dict{String,Any}
    io::Dict{String,Any}
    card::Union{Nothing,Dict{String,Any}}
    folder::String
    parameters::Int
    n_genes::Int
    weights::Any
end

function Model(name; options...)
    handle = Handle{ScnModel}()
    invoke(scn_model_open, "Model", expanduser(String(name)), json(options), handle)
    said = told(scn_model_describe, handle)
    fields = (:family, :title, :config, :io, :card, :folder, :parameters, :n_genes, :weights)
    return Model(handle, String(name), (said[String(field)] for field in fields)...)
end

Base.close(model::Model) = release!(model.handle)
Base.show(io::IO, model::Model) = print(io, "Model(", repr(model.name), ")")

function Base.show(io::IO, ::MIME"text/plain", model::Model)
    print(io, "Model ", repr(model.name), ": ", model.title)
    print(io, "\n  family:     ", model.family, "\n  parameters: ", model.parameters, "\n  genes:      ", model.n_genes)
    print(io, "\n  folder:     ", model.folder)
    print(io, "\n  takes:      ", shown_fields(model.io["inputs"]))
    print(io, "\n  gives:      ", shown_fields(model.io["outputs"]))
    tasks = [task["name"] for task in model.io["tasks"]]
    isempty(tasks) || print(io, "\n  tasks:      ", join(tasks, ", "))
end

shown_fields(fields) = join(("$(field["name"])[$(join(field["shape"], ", "))]" for field in fields), ", ")

function (model::Model)(inputs; seed = nothing, options...)
    made = Handle{ScnTensors}()
    given = tensors(inputs, "inputs")
    invoke(scn_model_forward, "forward", model.handle, given, json(options), made; seed = seed)
    return taken!(made)
end

"""
    embed(model, X; genes, arrays, seed, cells = :columns, options...)

Cells as vectors: from counts to one vector for each cell, with the model's own tokens and normalisation. Cells that
have no gene of the model's vocabulary are NaN, and a warning says how many. A cell's bits depend neither on the other
cells nor on the number of threads.

- `X`: raw counts (for most models), genes x cells.
- `genes`: a name for each gene. They are found in the model's vocabulary by `aliases`, by their name as it is,
  without the version of an Ensembl identifier, and in any case.
- `arrays`: a `Dict` or named tuple of arrays with an entry for each cell, along their first axis, that a family asks
  for (`batch_labels`, `n_counts`).
- `seed`: of families that draw genes; by default that of [`ScNative.settings`](@ref).

Other keywords are options. Of every family: `aliases`, a dictionary from your names to the model's; `min_matched`
(0), the least part of the genes that must be found; `max_batch_tokens` (65536), how many tokens are worked on at
once, which bounds memory. Those of the family are in `model.io["embed"]`.

Returns `embedding`, dimensions x cells (cells x dimensions for `cells = :rows`), Float32; and `report`, a dictionary:
`"name"`, `"genes"` (how many matched, by which rule, which did not, which are there twice) and what the family adds.

Throws `SCN_ERR_GENE_NAMES` without names, `SCN_ERR_VOCABULARY` if too few are found, `SCN_ERR_COUNTS` for values that
are no counts, `SCN_ERR_BUDGET` for a `max_batch_tokens` that a single cell exceeds, `SCN_ERR_INVALID_ARGUMENT` for an
unknown option, `SCN_ERR_UNSUPPORTED` for a family without cell embeddings.

# Examples
```julia
model = Model("scgpt-human")
embedding, report = embed(model, counts; genes = genes.gene_symbols)
energy_distance(embedding, cell_types)
```
"""
function embed(model::Model, X; genes = nothing, arrays = nothing, seed = nothing, cells = :columns, options...)
    view, made, report = View(X, cells), Handle{ScnTensors}(), Handle{ScnText}()
    given = (lines_of(genes), tensors(arrays, "arrays"), json(options))
    invoke(scn_model_embed, "embed", model.handle, view, given..., made, report; seed = seed)
    embedding = taken!(made)["embedding"]
    cells === :columns && (embedding = permutedims(embedding))
    return (embedding = embedding, report = parse_json(taken!(report)))
end

"Names as the library takes them: each with a newline behind it; null for none."
function lines_of(names)
    names === nothing && return C_NULL
    broken = findfirst(name -> occursin('\n', name), names)
    broken === nothing || invalid("genes[$broken]: is $(repr(names[broken])), must not have a newline")
    return join(name * "\n" for name in names)
end

"""
    run_task(model, task, X = nothing; genes, arrays, seed, cells = :columns, targets, options...)

What else a family does, by the name of the task: `"predict"` of GEARS, `"perturb"` of Geneformer, `"enhance"` of
scFoundation and others; `model.io["tasks"]` lists them with their options, and the arrays that they take and give.

`X` and `genes` are cells as in [`embed`](@ref), or nothing for a task that takes none; `arrays` has an entry for each
cell if there are cells, else the task's inputs. An option `genes` of a task is given as `targets`. Returns `outputs`,
a dictionary of arrays whose `size` reads as their shapes are documented, and `report`. Throws as [`embed`](@ref);
`SCN_ERR_INVALID_ARGUMENT` for a task that the model does not have.

# Examples
```julia
model = Model("geneformer-v2-104m")
outputs, report = run_task(model, "perturb", counts; genes = genes.gene_ids, targets = ["ENSG00000136574"])
```
"""
function run_task(
    model::Model,
    task,
    X = nothing;
    genes = nothing,
    arrays = nothing,
    seed = nothing,
    cells = :columns,
    targets = nothing,
    options...,
)
    view, made, report = X === nothing ? C_NULL : View(X, cells), Handle{ScnTensors}(), Handle{ScnText}()
    wanted = targets === nothing ? options : merge(values(options), (genes = targets,))
    given = (lines_of(genes), tensors(arrays, "arrays"), json(wanted))
    invoke(scn_model_run, String(task), model.handle, String(task), view, given..., made, report; seed = seed)
    return (outputs = taken!(made), report = parse_json(taken!(report)))
end

"""
    ScNative.predict(model, perturbations, X = nothing; genes, seed, cells = :columns, options...)

What a model of the family GEARS predicts for cells in which genes are perturbed: the mean expression over control
cells.

- `perturbations`: sets of genes, `[["CEBPA"], ["CEBPA", "KLF1"]]`.
- `X`, `genes`: control cells, log-normalised, and the names of their genes; those stored with the model if there are
  none.
- `seed`: of the draw of control cells.

Returns `predicted`, genes x perturbations, in the order of [`ScNative.genes`](@ref) and of `perturbations`; all
`outputs` of the model, and the `report`. Throws as [`run_task`](@ref). Source: Roohani, Huang and Leskovec 2024,
`GEARS.predict`.

# Examples
```julia
model = Model("./gears")
predicted = ScNative.predict(model, [["CEBPA"], ["CEBPA", "KLF1"]], controls; genes = names).predicted
```
"""
function predict(model::Model, perturbations, X = nothing; options...)
    sets = [set isa AbstractString ? [String(set)] : String.(collect(set)) for set in perturbations]
    outputs, report = run_task(model, "predict", X; perturbations = sets, options...)
    return (predicted = permutedims(outputs["pred"]), outputs = outputs, report = report)
end

"""
    ScNative.genes(model)

The names of the genes that a model knows, in the order of the rows of [`gene_embeddings`](@ref).

# Examples
```julia
ScNative.genes(Model("scgpt-human"))[1:3]
```
"""
genes(model::Model) = Vector{String}(told(scn_model_genes, model.handle))

"""
    gene_embeddings(model)

One vector for each of a model's genes: genes x dimensions, Float32, in the order of [`ScNative.genes`](@ref). Throws
`SCN_ERR_UNSUPPORTED` for a family without them.

# Examples
```julia
size(gene_embeddings(Model("scgpt-human")))
```
"""
function gene_embeddings(model::Model)
    made = Handle{ScnTensors}()
    invoke(scn_model_gene_embeddings, "gene_embeddings", model.handle, made)
    return taken!(made)["gene_embeddings"]
end

"""
    ScNative.save(model, folder; overwrite = false)

Saves a model as a folder that [`Model`](@ref) opens, in every language: config.json, model.safetensors and its
vocabulary. The folder is made, and must be empty if it is there; `overwrite` replaces an earlier one. It is complete
or not there. Throws `SCN_ERR_INVALID_ARGUMENT` for a folder that holds something else, `SCN_ERR_IO`,
`SCN_ERR_DISK_FULL`.

# Examples
```julia
ScNative.save(Model("scgpt-human"), "my-scgpt")
```
"""
save(model::Model, folder; options...) =
    invoke(scn_model_export, "save", model.handle, expanduser(String(folder)), json(options))
