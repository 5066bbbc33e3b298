# Errors, warnings, concurrent calls, garbage collection.

@testset "errors of every kind carry status, name and message" begin
    A = some_counts()
    S = sparse(A)
    error = thrown(() -> ScNative.aggregate(A, [1, 2]))
    @test (error.status, error.name) == (ScNative.SCN_ERR_SHAPE, "SCN_ERR_SHAPE")
    @test occursin("groups", error.message)
    @test sprint(showerror, error) == "SCN_ERR_SHAPE: $(error.message)"
    with_nan = copy(A)
    with_nan[3, 4] = NaN
    @test refuses(() -> ScNative.validate(with_nan), "SCN_ERR_VALUE", "obs 3, var 2 is NaN")
    broken = copy(S)
    rowvals(broken)[5] = 99
    @test refuses(() -> ScNative.validate(broken), "SCN_ERR_MATRIX", "indices[4]: is 99")
    @test refuses(() -> is_canonical(broken), "SCN_ERR_MATRIX", "indices[4]: is 99")
    decreasing = SparseMatrixCSC(2, 2, [1, 2, 3], [1, 2], [1.0, 2.0])
    SparseArrays.getcolptr(decreasing)[2] = 7
    @test refuses(() -> ScNative.validate(decreasing), "SCN_ERR_MATRIX", "indptr")
    @test refuses(() -> log1p!(Int.(A)), "SCN_ERR_TYPE", "i64")
    @test refuses(() -> with_settings(() -> ScNative.validate(A); n_threads = -3), "SCN_ERR_INVALID_ARGUMENT", "n_threads: is -3")
    @test refuses(() -> read_mtx("/nowhere/at/all.mtx"), "SCN_ERR_NOT_FOUND", "/nowhere/at/all.mtx")
    malformed = joinpath(mktempdir(), "bad.mtx")
    write(malformed, "%%MatrixMarket matrix coordinate integer general\n2 2 1\n3 x 1\n")
    @test refuses(() -> read_mtx(malformed), "SCN_ERR_IO", "3")
    @test refuses(() -> sum_duplicates(A), "SCN_ERR_UNSUPPORTED", "dense")
    @test refuses(() -> scale!(S), "SCN_ERR_INVALID_ARGUMENT", "zero_center")
    @test refuses(() -> highly_variable_genes(A; flavor = :best), "SCN_ERR_INVALID_ARGUMENT", "flavor: is :best, must be one of :seurat")
    @test refuses(() -> highly_variable_genes(A; n_bin = 3), "SCN_ERR_INVALID_ARGUMENT", "n_bin: is no keyword")
    @test refuses(() -> highly_variable_genes(A; n_bins = 2.5), "SCN_ERR_INVALID_ARGUMENT", "n_bins: is 2.5, must be a whole number")
    @test refuses(() -> rank_genes_groups(A, fill("a", 60); reference = "z"), "SCN_ERR_INVALID_ARGUMENT", "reference: is \"z\", must be one of the groups (\"a\")")
    @test refuses(() -> rank_genes_groups(A, [fill("a", 59); "b"]), "SCN_ERR_VALUE", "")
    @test refuses(() -> rank_genes_groups(A, fill(1, 60); results = (:score,)), "SCN_ERR_INVALID_ARGUMENT", "results: has :score")
    @test refuses(() -> ScNative.aggregate(A, fill(3, 60); n_groups = 2), "SCN_ERR_INVALID_ARGUMENT", "groups[1]: is 3, must be a number from 1 to n_groups = 2")
    @test refuses(() -> ScNative.aggregate(A, Any["a"; fill(1, 59)]), "SCN_ERR_TYPE", "labels that cannot be sorted")
    @test refuses(() -> ScNative.aggregate(A, 3), "SCN_ERR_TYPE", "groups: is a Int64")
    @test refuses(() -> score_genes(A, [41], [1]), "SCN_ERR_INVALID_ARGUMENT", "genes[1]: is 41, must be from 1 to 40")
    @test refuses(() -> score_genes(A, [true, false], [1]), "SCN_ERR_SHAPE", "genes: is a mask of 2 values, must have 40")
    @test refuses(() -> qc_metrics(A; percent_top = (41,)), "SCN_ERR_INVALID_ARGUMENT", "percent_top[1]: is 41")
    @test refuses(() -> qc_metrics(A; percent_top = (), subsets = (mt = [1, 2],)), "SCN_ERR_SHAPE", "subsets.mt")
    @test refuses(() -> filter_cells(A), "SCN_ERR_INVALID_ARGUMENT", "")
    @test refuses(() -> ScNative.stats(A; axis = :cells), "SCN_ERR_INVALID_ARGUMENT", "axis: is :cells, must be :obs")
    @test refuses(() -> normalize_total(A; target_sum = -1), "SCN_ERR_INVALID_ARGUMENT", "target_sum: is -1")
    @test refuses(() -> ScNative.log1p(A; base = 0), "SCN_ERR_INVALID_ARGUMENT", "base: is 0")
    @test refuses(() -> normalize_clr(A; margin = 3), "SCN_ERR_INVALID_ARGUMENT", "margin: is 3")
    @test refuses(() -> regress_out(A), "SCN_ERR_INVALID_ARGUMENT", "covariates, groups: give one of them")
    @test refuses(() -> regress_out(A, [1.0]), "SCN_ERR_SHAPE", "covariates: is a 1-element")
    @test refuses(() -> regress_out(A, ones(60); type = Int), "SCN_ERR_TYPE", "")
    @test refuses(() -> ScNative.scale(A; mask = trues(60), groups = fill(1, 60)), "SCN_ERR_INVALID_ARGUMENT", "mask, groups")
    @test refuses(() -> to_dense(A; type = Bool), "SCN_ERR_TYPE", "type: is Bool")
    @test refuses(() -> adjust_p([2.0]), "SCN_ERR_VALUE", "")
    @test refuses(() -> loess([1.0, 2.0], [1.0]), "SCN_ERR_SHAPE", "")
    @test refuses(() -> loess("x", [1.0]), "SCN_ERR_TYPE", "x: is a String")
    @test refuses(() -> simulate_counts(9, 300; seed = 1.5), "SCN_ERR_INVALID_ARGUMENT", "seed: is 1.5, must be a whole number")
    @test refuses(() -> simulate_counts(9, 300; markers = 2), "SCN_ERR_INVALID_ARGUMENT", "markers: is no keyword")
    @test refuses(() -> simulate_counts(-1, 5), "SCN_ERR_INVALID_ARGUMENT", "n_obs")
    @test refuses(() -> ScNative.concat([]), "SCN_ERR_INVALID_ARGUMENT", "")
    @test refuses(() -> ScNative.concat([A, A[1:3, :]]), "SCN_ERR_SHAPE", "")
    ranked = rank_genes_groups(log1p.(A), repeat(1:3; outer = 20))
    @test refuses(() -> markers(ranked, ["a", "b"]), "SCN_ERR_SHAPE", "gene_names: has 2 names, must have 40")
    named = (batches = repeat(1:2; outer = 30), n_top_genes = 5, gene_names = ["a", "b"])
    @test refuses(() -> highly_variable_genes(log1p.(A); named...), "SCN_ERR_SHAPE", "name_order")
    @test refuses(() -> rank_order(ranked.scores; n_top = 41), "SCN_ERR_INVALID_ARGUMENT", "n_top")
    @test refuses(() -> markers((groups = [1],)), "SCN_ERR_INVALID_ARGUMENT", "by: is :scores")
end

@testset "an error leaves what it was to change as it was" begin
    A = some_counts()
    before = copy(A)
    @test refuses(() -> scale!(A; max_value = -1), "SCN_ERR_INVALID_ARGUMENT", "max_value")
    @test A == before
end

@testset "warnings come after the call, once" begin
    A = some_counts()
    @test_logs (:warn, r"whole|integer"i) highly_variable_genes(A .+ 0.5; flavor = :seurat_v3, n_top_genes = 5)
    @test_logs highly_variable_genes(A .+ 0.5; flavor = :seurat_v3, n_top_genes = 5, check_values = false)
    @test_logs (:warn, r"-1|below|NaN"i) log1p!([-2.0 1.0])
    # nor do they wait for another listener where there is none
    with_logger(() -> log1p!([-2.0 1.0]), NullLogger())
    @test_logs log1p!([2.0 1.0])
end

@testset "results are freed, also those of calls that fail" begin
    handle = ScNative.Handle{ScNative.ScnSparse}()
    ScNative.invoke(ScNative.scn_matrix_to_major, "to_major", ScNative.View(some_counts(), :columns), ScNative.SCN_OBS, handle)
    @test handle.pointer != C_NULL
    finalize(handle)
    @test handle.pointer == C_NULL
end

@testset "arrays stay alive while the library reads them" begin
    A = some_counts(200, 300)
    expected = rank_genes_groups(A, repeat(1:3, 100); method = :wilcoxon)
    with_settings(; progress = _ -> GC.gc()) do
        for _ in 1:3
            @test isequal(rank_genes_groups(sparse(copy(A)), repeat(1:3, 100); method = :wilcoxon), expected)
        end
    end
end

@testset "calls from several threads at once" begin
    code = """
    using ScNative, SparseArrays
    A = [Float64((7i + 3j) % 11 > 6 ? (i * j) % 5 : 0) for i in 1:300, j in 1:400]
    S, groups = sparse(A), repeat(1:4, 100)
    work(k) = (
        rank_genes_groups(S, groups; method = :wilcoxon),
        try ScNative.aggregate(S, fill(k, 400); n_groups = 0) catch error; error.message end,
        ScNative.to_dense(to_major(S, :var)),
    )
    expected = [work(k) for k in 1:24]
    found = Vector{Any}(undef, 24)
    Threads.@threads for k in 1:24
        found[k] = work(k)
        GC.gc(false)
    end
    print(Threads.nthreads(), " ", isequal(found, expected))
    """
    @test outcome(julia(code, "JULIA_NUM_THREADS" => "2")).out == "2 true"
end
