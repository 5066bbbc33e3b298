# JSON: what is written is read as the same, and what is no JSON is refused.

reads(text) = ScNative.parse_json(text)

@testset "values are read as Julia has them" begin
    @test reads(" [1, 2, -3] ") == [1, 2, -3] && reads("[1, 2]") isa Vector{Int}
    @test reads("[2.5, -3e-2, 1E2]") == [2.5, -0.03, 100]
    @test isequal(reads("{\"a\": null, \"b\": {}, \"c\": [], \"d\": true}"), Dict("a" => nothing, "b" => Dict(), "c" => [], "d" => true))
    @test reads("[[1, 2], \"x\"]") == [[1, 2], "x"]
    @test reads("[\"a\", \"b\"]") isa Vector{String}
    @test reads("12345678901234567890") == 12345678901234567890.0
    @test reads("\"q\\\" b\\\\ s\\/ n\\n t\\t u\\u00e9 \\ud83d\\ude00 é\"") == "q\" b\\ s/ n\n t\t ué 😀 é"
end

@testset "what is written is read as the same" begin
    value = Dict("a" => [1.0, 0.1, 1e300, -1 / 3], "b" => "x\t\"\\é\x01", "c" => nothing, "d" => [["p"], ["q", "r"]], "e" => Dict("z" => true))
    @test isequal(reads(ScNative.json(value)), value)
    @test ScNative.json((a = :word, b = (1, 2.5), c = missing, d = 1 // 2)) == "{\"a\": \"word\", \"b\": [1, 2.5], \"c\": null, \"d\": 0.5}"
    @test ScNative.json(NamedTuple()) == "{}"
    @test ScNative.json(["a\n"]) == "[\"a\\u000a\"]"
end

@testset "what is no JSON, and what no JSON can be, is refused" begin
    for text in ("", "{", "[1,]", "[,1]", "{\"a\" 1}", "[1] 2", "tru", "01", "\"\\x\"", "\"\\u12\"", "\"open", "{,}", "nul")
        @test refuses(() -> reads(text), "SCN_ERR_CONFIG", "JSON: has ")
    end
    @test refuses(() -> ScNative.json([NaN]), "SCN_ERR_INVALID_ARGUMENT", "has NaN")
    @test refuses(() -> ScNative.json((a = sin,)), "SCN_ERR_TYPE", "must have texts")
end
