# Models: small ones with random weights, beside what the original implementations make of their inputs.

"The folder of a fixture, or nothing where there are none."
function fixture(name)
    folder = joinpath(get(ENV, "SCNATIVE_MODELS_DIR", ""), name)
    return isfile(joinpath(folder, "config.json")) ? folder : nothing
end

"The arrays of a safetensors file: the length of a header in JSON, the header, the elements."
function safetensors(path)
    bytes = read(path)
    start = 8 + Int(only(reinterpret(Int64, bytes[1:8])))
    types = Dict("F32" => Float32, "I64" => Int64, "U8" => UInt8)
    arrays = Dict{String,Array}()
    for (name, field) in ScNative.parse_json(String(bytes[9:start]))
        name == "__metadata__" && continue
        shape, (from, to) = Tuple(Int.(field["shape"])), field["data_offsets"]
        elements = collect(reinterpret(types[field["dtype"]], bytes[start+from+1:start+to]))
        arrays[name] = ScNative.turned(reshape(elements, reverse(shape)))
    end
    return arrays
end

@testset "the registry lists models, and finds one by any spelling of its name" begin
    families = Set(card["family"] for card in models())
    @test Set(["scgpt", "geneformer", "gears", "uce", "scfoundation"]) ⊆ families
    @test model_info("scGPT/human")["id"] == "scgpt-human"
    @test refuses(() -> model_info("scgpt-humn"), "SCN_ERR_NOT_FOUND", "scgpt-human")
    @test refuses(() -> model_register((id = "mine",)), "SCN_ERR_CONFIG", "")
end

@testset "an empty cache is empty" begin
    folder = mktempdir()
    @test model_cache(cache_dir = folder)["size"] == 0
    @test model_prune(cache_dir = folder)["freed_bytes"] == 0
    @test refuses(() -> model_verify("scgpt-human"; cache_dir = folder), "SCN_ERR_NOT_FOUND", "")
    @test refuses(() -> model_remove("scgpt-human"; cache_dir = folder), "SCN_ERR_NOT_FOUND", "")
    @test refuses(() -> model_download("perturblab/nothing"; cache_dir = folder, offline = true), "SCN_ERR_OFFLINE", "")
    @test refuses(() -> model_cache(cache_dirs = folder), "SCN_ERR_INVALID_ARGUMENT", "cache_dirs")
end

if fixture("scgpt-plain") === nothing
    skipped("models, which need SCNATIVE_MODELS_DIR=the folder of the fixtures")
else
    let folder = fixture("scgpt-plain")
        model = Model(folder)
        known = ScNative.genes(model)
        # counts of 12 genes that the model knows and 3 that it does not, in 6 cells, of which one has none of the first
        gene_names = [known[1:12]; "no1"; "no2"; "no3"]
        counts = some_counts(15, 9; seed = 4)[:, [1, 2, 3, 7, 8, 9]] .+ 1
        counts[1:12, 4] .= 0

        @testset "a model says what it is" begin
            @test model.family == "scgpt" && model.config["d_model"] == 32 && model.card === nothing
            @test "src" in [field["name"] for field in model.io["inputs"]]
            @test length(known) == model.n_genes
            @test occursin("src[B, L]", sprint(show, MIME("text/plain"), model))
            @test sprint(show, model) == "Model($(repr(folder)))"
        end

        @testset "the forward pass gives the original's outputs, in its shapes" begin
            inputs, expected = (safetensors(joinpath(folder, "$what.safetensors")) for what in ("inputs", "outputs"))
            made = model(inputs)
            valid = expected["valid_mask"] .== 1
            for (name, theirs) in expected
                name == "valid_mask" && continue
                ours = made[name]
                @test (name, size(ours)) == (name, size(theirs))
                if ndims(theirs) >= 2 && size(theirs, 2) == 12 # of a token: what padding has is nobody's
                    keep(x) = ndims(x) == 3 ? vcat((x[:, :, d][valid] for d in axes(x, 3))...) : x[valid]
                    ours, theirs = keep(ours), keep(theirs)
                end
                @test all(abs.(ours .- theirs) .<= 2e-4 .+ 1e-4 .* abs.(theirs))
            end
            tuple = (src = Int32.(inputs["src"]), values = Float64.(inputs["values"]), src_key_padding_mask = inputs["src_key_padding_mask"] .== 1)
            @test model(tuple) == made
            @test refuses(() -> model(Dict()), "SCN_ERR_INVALID_ARGUMENT", "src")
            @test refuses(() -> model((src = [0.5 1.5],)), "SCN_ERR_TYPE", "src")
            @test refuses(() -> model((src = "x",)), "SCN_ERR_TYPE", "inputs[\"src\"]: is a String")
            @test refuses(() -> model(inputs; colour = 1), "SCN_ERR_INVALID_ARGUMENT", "colour")
        end

        quiet(f) = with_logger(f, NullLogger())
        embedding, report = quiet(() -> embed(model, counts; genes = gene_names))

        @testset "cells become vectors, whatever holds them" begin
            @test size(embedding) == (32, 6) && embedding isa Matrix{Float32}
            @test findall(isnan, embedding[1, :]) == [4]
            @test report["name"] == "scgpt" && report["genes"]["matched"] == 12
            @test_logs (:warn, r"1") match_mode = :any embed(model, counts; genes = gene_names)
            for (X, cells) in ((sparse(counts), :columns), (counts', :rows), (Int32.(counts), :columns), (sparse(permutedims(counts)), :rows))
                made = quiet(() -> embed(model, X; genes = gene_names, cells = cells).embedding)
                @test isequal(cells === :rows ? permutedims(made) : made, embedding)
            end
            for n_threads in 1:3
                made = with_settings(() -> quiet(() -> embed(model, counts; genes = gene_names)); n_threads = n_threads)
                @test isequal(made.embedding, embedding) && made.report == report
            end
            # a cell is itself, whatever cells are beside it; but which of its ties goes where is drawn by its number
            together = quiet(() -> embed(model, counts; genes = gene_names, binning = "deterministic")).embedding
            @test embed(model, counts[:, 2:2]; genes = gene_names, binning = "deterministic").embedding[:, 1] == together[:, 2]
            renamed = ["mine"; lowercase(gene_names[2]); gene_names[3:end]]
            made = quiet(() -> embed(model, counts; genes = renamed, aliases = Dict("mine" => gene_names[1])))
            @test isequal(made.embedding, embedding)
        end

        @testset "gene embeddings, and an export that is the same model" begin
            rows = gene_embeddings(model)
            @test size(rows) == (length(known), 32) && rows isa Matrix{Float32}
            into = joinpath(mktempdir(), "saved")
            ScNative.save(model, into)
            again = Model(into)
            @test gene_embeddings(again) == rows && ScNative.genes(again) == known
            @test isequal(quiet(() -> embed(again, counts; genes = gene_names)).embedding, embedding)
            ScNative.save(model, into; overwrite = true)
            elsewhere = mktempdir()
            write(joinpath(elsewhere, "mine.txt"), "x")
            @test refuses(() -> ScNative.save(model, elsewhere), "SCN_ERR_INVALID_ARGUMENT", "")
        end

        @testset "a card of one's own" begin
            model_register((id = "mine", family = "scgpt", source = Dict("local" => folder)))
            @test Model("mine").card["id"] == "mine"
            model_unregister("mine")
            @test refuses(() -> model_info("mine"), "SCN_ERR_NOT_FOUND", "")
        end

        @testset "bad input is named, each kind by its status" begin
            @test refuses(() -> Model("/no/such/folder"), "SCN_ERR_NOT_FOUND", "/no/such/folder")
            @test refuses(() -> Model("scgpt-humn"), "SCN_ERR_NOT_FOUND", "scgpt-human")
            @test refuses(() -> Model(folder; dtype = "f33"), "SCN_ERR_INVALID_ARGUMENT", "dtype: is \"f33\"")
            @test refuses(() -> embed(model, counts; genes = gene_names, bins = 3), "SCN_ERR_INVALID_ARGUMENT", "bins")
            @test refuses(() -> embed(model, counts), "SCN_ERR_GENE_NAMES", "genes")
            @test refuses(() -> embed(model, counts; genes = ["A"]), "SCN_ERR_GENE_NAMES", "genes")
            @test refuses(() -> embed(model, counts; genes = ["none$i" for i in 1:15]), "SCN_ERR_VOCABULARY", "")
            @test refuses(() -> embed(model, -counts; genes = gene_names), "SCN_ERR_COUNTS", "count")
            @test refuses(() -> embed(model, counts; genes = gene_names, max_batch_tokens = 1), "SCN_ERR_BUDGET", "max_batch_tokens: is 1")
            @test refuses(() -> embed(model, counts; genes = fill("a\nb", 15)), "SCN_ERR_INVALID_ARGUMENT", "newline")
            @test refuses(() -> embed(model, counts; genes = gene_names, arrays = (batch_labels = 1:5,)), "SCN_ERR_SHAPE", "batch_labels")
            @test refuses(() -> run_task(model, "dance"), "SCN_ERR_INVALID_ARGUMENT", "task: is \"dance\"")
        end

        @testset "models are freed, by close or with their objects" begin
            closed = Model(folder)
            close(closed)
            @test closed.handle.pointer == C_NULL
            @test refuses(() -> ScNative.genes(closed), "SCN_ERR_NULL", "model")
            close(closed)
            dropped = Model(folder)
            finalize(dropped.handle)
            @test dropped.handle.pointer == C_NULL
        end

        @testset "GEARS is built from gene sets, and predicts what perturbations do" begin
            from = fixture("gears-uncertainty")
            source = Model(from)
            gene_list = ScNative.genes(source)
            perturbable = ScNative.parse_json(read(joinpath(from, "pert_names.json"), String))
            # log-normalised values of 12 cells, the first 5 of which are controls
            logs = reshape([i % 3 == 0 ? 0.0 : (37i % 101) / 30 for i in 0:12*length(gene_list)-1], :, 12)
            sets = Dict(gene => ["t$(i % 4)", "u$(i % 3)"] for (i, gene) in enumerate(perturbable))
            into = joinpath(mktempdir(), "built")
            controls = (control = 1:12 .<= 5,)
            quiet(() -> run_task(source, "build_folder", logs; genes = gene_list, arrays = controls, folder = into, gene_sets = sets))
            gears = Model(into)
            wanted = [perturbable[1:1], perturbable[2:3]]
            made = ScNative.predict(gears, wanted, logs[:, 1:5]; genes = gene_list)
            @test size(made.predicted) == (length(gene_list), 2)
            by_hand = run_task(gears, "predict", logs; genes = gene_list, arrays = controls, perturbations = wanted)
            @test permutedims(by_hand.outputs["pred"]) == made.predicted
            @test length(made.outputs["uncertainty"]) == 2
            @test occursin("none", thrown(() -> ScNative.predict(gears, ["none"], logs; genes = gene_list)).message)
        end
    end
end
