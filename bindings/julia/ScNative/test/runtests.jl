# julia --project=bindings/julia/ScNative bindings/julia/ScNative/test/runtests.jl [NAME ...]
# All, or those of the files below that are named. The library is found as the package finds it (SCNATIVE_LIB first).

using LinearAlgebra, Random, ScNative, SparseArrays, Statistics, Test

const PACKAGE = dirname(@__DIR__)
const ROOT = normpath(PACKAGE, "..", "..", "..")
const PARTS = ["abi", "library", "views", "calls", "settings", "operations", "layouts", "interrupts", "examples"]

include("support.jl")

@testset "ScNative" begin
    for part in (isempty(ARGS) ? PARTS : ARGS)
        @testset "$part" begin
            include("$part.jl")
        end
    end
end
