"The environment of a child process that uses the library that this one does, and these variables."
function with_library(variables...)
    env = copy(ENV)
    env["SCNATIVE_LIB"] = ScNative.library_path()
    for (name, value) in variables
        env[name] = value
    end
    return env
end

"A child process that runs this code."
julia(code, variables...) =
    setenv(`$(Base.julia_cmd()) --startup-file=no --project=$PACKAGE -e $code`, with_library(variables...))

"What a child process printed, and whether it ended well."
function outcome(command)
    out, err = IOBuffer(), IOBuffer()
    process = run(pipeline(ignorestatus(command); stdin = devnull, stdout = out, stderr = err))
    return (ok = success(process), out = String(take!(out)), err = String(take!(err)))
end

"Says what is not tested here, and why; a failure where everything must be."
function skipped(what)
    @warn "SKIPPED: $what"
    @test !haskey(ENV, "SCN_REQUIRE_ALL")
end

"The ScNativeError that a call throws."
function thrown(f)
    try
        f()
    catch error
        error isa ScNativeError || rethrow()
        return error
    end
    return ScNativeError(0, "SCN_OK", "nothing was thrown")
end

"Tests that a call throws a ScNativeError of this name whose message has this text."
function refuses(f, name, text)
    error = thrown(f)
    good = error.name == name && occursin(text, error.message)
    good || @error "expected $name: ...$text..." error
    return good
end

"Counts of genes x cells with zeros, the same ones each time."
function some_counts(n_genes = 40, n_cells = 60; seed = 1)
    random = MersenneTwister(seed)
    mean = exp.(randn(random, n_genes))
    counts = [rand(random) < 0.6 ? floor(-m * log(rand(random))) : 0.0 for m in mean, _ in 1:n_cells]
    counts[:, 7] .= 0 # a cell without counts
    counts[5, :] .= 0 # a gene without
    return counts
end

"Whether this is one of the header's structs, the abstract type that they share left out."
isstruct(value) = value isa DataType && value <: ScNative.ScnStruct && value !== ScNative.ScnStruct

"A call that takes seconds: all pairs of so many points; as text too, for child processes."
const SLOW = "slow(n) = mmd(repeat([0.1, 0.7, 0.3, 0.9]; outer = (5, 1)) .* (1:n)', [i % 3 for i in 1:n]; gammas = 1e-9)"
eval(Meta.parse(SLOW))

"A copy that lies as the original does."
duplicate(X::Union{Array,SparseMatrixCSC}) = copy(X)
duplicate(X::Transpose) = transpose(duplicate(parent(X)))
duplicate(X::Adjoint) = adjoint(duplicate(parent(X)))
duplicate(X::SubArray) = view(copy(parent(X)), parentindices(X)...)
