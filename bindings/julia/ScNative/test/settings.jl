# Threads, seed, progress.

@testset "settings hold for a block, also if it throws" begin
    @test with_settings(() -> (ScNative.settings.n_threads, ScNative.settings.seed); n_threads = 2, seed = 5) == (2, 5)
    @test_throws DomainError with_settings(() -> sqrt(-1.0); n_threads = 2)
    @test ScNative.settings.n_threads == 0 && ScNative.settings.seed == 0
    @test_throws Exception with_settings(() -> 1; threads = 2)
end

@testset "the seed" begin
    counts(; kwargs...) = simulate_counts(30, 300; kwargs...).counts
    @test counts(seed = 3) == counts(seed = 3) != counts(seed = 4)
    @test with_settings(counts; seed = 3) == counts(seed = 3)
    @test counts() == counts(seed = 0)
    @test counts(seed = -1) == counts(seed = typemax(UInt64))
end

@testset "a function is told the part done, and stops the call by throwing" begin
    parts = Float64[]
    error = nothing
    try
        with_settings(() -> slow(20_000); progress = done -> (push!(parts, done); length(parts) == 3 && throw(DomainError(3))))
    catch caught
        error = caught
    end
    @test error == DomainError(3)
    @test length(parts) == 3 && issorted(parts) && all(0 .<= parts .<= 1)
    # and what it prints, which lets other tasks run, does no harm
    with_settings(() -> slow(6000); progress = done -> (yield(); sleep(0.001)))
end

@testset "the bar" begin
    # long enough for a bar, which calls of less than half a second have none of, also on a fast machine
    code = "using ScNative; $SLOW; ScNative.settings.progress = true; slow(30_000)"
    shown = outcome(julia(code)).err
    @test occursin("mmd |", shown) && occursin("% ", shown) && endswith(shown, "\r")
    for choice in (":auto", "false")
        @test outcome(julia(replace(code, "= true" => "= $choice"))).err == ""
    end
    @test refuses(() -> with_settings(() -> ScNative.validate([1.0 2.0]); progress = 7), "SCN_ERR_INVALID_ARGUMENT", "settings.progress: is 7")
end
