# What goes in: every type, layout and shape, without a copy, and what is no matrix.

const NUMBERS = (Float32, Float64, Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64)

@testset "$T, $Ti" for T in NUMBERS, Ti in (Int32, Int64)
    A = T.(some_counts(9, 12) .% 100)
    expected = vec(sum(Float64.(A); dims = 2))
    S = SparseMatrixCSC{T,Ti}(sparse(A))
    for X in (S, A, A', transpose(A)', S', copy(S')')
        cells = size(X) == size(A) ? :columns : :rows
        @test ScNative.stats(X; which = (:sum,), cells = cells).sum == expected
    end
    @test to_dense(S) isa Matrix{T} && to_dense(S) == A
    @test rowvals(sum_duplicates(S)) isa Vector{Ti}
end

@testset "no copy is made" begin
    A = some_counts()
    S = sparse(A)
    for (X, values) in ((A, A), (S, nonzeros(S)), (A', A), (transpose(S), nonzeros(S)), (view(A, 2:5, 3:9), view(A, 2:5, 3:9)))
        view_ = ScNative.View(X, :columns)
        @test view_.matrix.values == pointer(values)
    end
    view_ = ScNative.View(S, :columns)
    @test view_.matrix.indptr == pointer(SparseArrays.getcolptr(S)) && view_.matrix.indices == pointer(rowvals(S))
    @test view_.matrix.index_base == 1 && view_.matrix.major == ScNative.SCN_OBS
    @test ScNative.View(S, :rows).matrix.major == ScNative.SCN_VAR
    @test (ScNative.n_obs(view_), ScNative.n_vars(view_)) == reverse(size(A))
end

@testset "strided views" begin
    A = some_counts()
    B = permutedims(A)
    expected = ScNative.stats(A[3:20, 4:44])
    for X in (
        view(A, 3:20, 4:44),
        view(B', 3:20, 4:44),
        view(transpose(B), 3:20, 4:44),
        view(B, 4:44, 3:20)',
        PermutedDimsArray(view(B, 4:44, 3:20), (2, 1)),
        reshape(view(copy(A[3:20, 4:44]), :, :), 18, 41),
    )
        @test isequal(ScNative.stats(X), expected)
    end
    steps = view(A, 1:2:39, 1:3:60)
    @test isequal(ScNative.stats(steps), ScNative.stats(Matrix(steps)))
    @test refuses(() -> log1p!(steps), "SCN_ERR_TYPE", "neither rows nor columns are contiguous")
    # in place: the view's own elements and no others
    C = copy(A)
    log1p!(view(C, 3:20, 4:44))
    @test C[3:20, 4:44] ≈ log1p.(A[3:20, 4:44])
    C[3:20, 4:44] = A[3:20, 4:44]
    @test C == A
end

@testset "matrices without cells or genes, of one, of none" begin
    for (m, n) in ((0, 4), (4, 0), (0, 0), (1, 5), (5, 1), (1, 1))
        for X in (zeros(m, n), spzeros(m, n), zeros(n, m)', spzeros(Float32, Int32, n, m)')
            @test ScNative.validate(X) === X
            @test ScNative.stats(X; which = (:sum, :count_nonzero)) == (sum = zeros(m), count_nonzero = zeros(Int, m))
            @test size(to_dense(X)) == (m, n)
            @test size(to_major(X, :var)) == (m, n)
            @test size(ScNative.log1p(X)) == (m, n)
        end
    end
end

@testset "the arrays of a sparse matrix may be longer than it" begin
    S = SparseMatrixCSC(2, 2, [1, 2, 3], [1, 2, 1, 1], [3.0, 4.0, NaN, NaN])
    @test ScNative.stats(S; which = (:sum,)).sum == [3, 4]
    @test nonzeros(ScNative.log1p(S)) == log1p.([3.0, 4.0])
    SparseArrays.getcolptr(S)[3] = 9
    @test refuses(() -> ScNative.validate(S), "SCN_ERR_MATRIX", "colptr ends at 9")
end

@testset "repeated and unsorted indices" begin
    S = SparseMatrixCSC(3, 2, [1, 4, 6], [3, 1, 3, 2, 2], [1, 2, 3, 4, 5])
    @test !is_canonical(S) && !is_canonical(S') && is_canonical(sum_duplicates(S)) && is_canonical(zeros(2, 2))
    @test !is_canonical(SparseMatrixCSC(3, 1, [1, 3], [2, 2], [1, 2]))
    @test sum_duplicates(S) == sparse([3, 1, 3, 2, 2], [1, 1, 1, 2, 2], [1, 2, 3, 4, 5], 3, 2)
    @test rowvals(S) == [3, 1, 3, 2, 2]
    @test sum_duplicates(S') == sum_duplicates(S)' && sum_duplicates(S') isa Transpose
    @test refuses(() -> sum_duplicates(zeros(2, 2)), "SCN_ERR_UNSUPPORTED", "")
end

@testset "what is no matrix of numbers" begin
    A = some_counts()
    S = sparse(A)
    @test refuses(() -> ScNative.stats(view(S, :, 1:3)), "SCN_ERR_TYPE", "is a view of a sparse matrix, which has no arrays of its own; copy it: copy(X)")
    @test refuses(() -> ScNative.stats(view(S', 1:3, :)), "SCN_ERR_TYPE", "is a view of a sparse matrix")
    @test ScNative.stats(copy(view(S, :, 1:3))) == ScNative.stats(S[:, 1:3])
    @test refuses(() -> ScNative.stats(A .> 0), "SCN_ERR_TYPE", "X: is a $BitMatrix")
    for X in (Matrix(A .> 0), sparse(A .> 0), Int128.(A), big.(A), complex.(A), Float16.(A), Rational.(A), sparse(complex.(A)))
        @test refuses(() -> ScNative.stats(X), "SCN_ERR_TYPE", "X: has elements of type $(eltype(X)), must be Float32, Float64")
    end
    @test refuses(() -> ScNative.stats(SparseMatrixCSC{Float64,UInt32}(S)), "SCN_ERR_TYPE", "indices of type UInt32, must be Int32 or Int64")
    for X in ([1.0, 2.0], "text", nothing, Diagonal([1.0, 2.0]), rand(2, 2, 2), [1.0, 2.0]', 1:3, S[:, 1])
        @test refuses(() -> ScNative.stats(X), "SCN_ERR_TYPE", "must be a SparseMatrixCSC, a Matrix")
    end
    @test refuses(() -> ScNative.stats(A; cells = :cols), "SCN_ERR_INVALID_ARGUMENT", "cells: is :cols, must be :columns")
    @test refuses(() -> ScNative.concat([A, "b"]), "SCN_ERR_TYPE", "matrices[2]: is a String")
end
