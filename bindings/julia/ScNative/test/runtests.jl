# julia --project=bindings/julia/ScNative bindings/julia/ScNative/test/runtests.jl [NAME ...]
# All, or those of the files below that are named. The library is found as the package finds it (SCNATIVE_LIB first).

using LinearAlgebra, Logging, Random, ScNative, SparseArrays, Statistics, Test

const PACKAGE = dirname(@__DIR__)
const ROOT = normpath(PACKAGE, "..", "..", "..")
const PARTS = ["abi", "library", "views", "calls", "settings", "operations", "layouts", "json", "models", "interrupts", "examples"]

include("support.jl")

@testset "ScNative" begin
    for part in (isempty(ARGS) ? PARTS : ARGS)
        @testset "$part" begin
            # These repeat the same warnings a hundred times; that there are warnings is tested in calls.jl.
            with_logger(part in ("operations", "layouts") ? NullLogger() : current_logger()) do
                include("$part.jl")
            end
        end
    end
end
