# Ctrl-C: a child process computes, and is sent SIGINT.

"The seconds from SIGINT until a child says that it was stopped, and what it prints; it says \"ready\" before its long call."
function interrupted(command, input = "")
    process = open(command, "r+")
    write(process, input)
    flush(process)
    while !occursin("ready", readline(process))
        eof(process) && error("the child ended before its call")
    end
    sleep(0.7)
    begun = time()
    kill(process, Base.SIGINT)
    said = readuntil(process, "stopped")
    took = time() - begun
    close(process.in)
    rest = read(process, String)
    wait(process)
    return (took = took, rest = rest)
end

const PREPARE = "using ScNative; $SLOW; slow(50); GC.gc();"

@testset "a script that catches InterruptException" begin
    code = """
    $PREPARE
    Base.exit_on_sigint(false)
    println("ready")
    begun = time()
    try
        slow(60_000)
        println("ended after ", time() - begun)
    catch error
        print("stopped")
        println(" by ", typeof(error))
    end
    print(slow(50) isa NamedTuple) # and the next call is itself again
    """
    done = interrupted(julia(code))
    @test done.rest == " by InterruptException\ntrue"
    @test done.took < 0.2
end

@testset "an interactive session" begin
    env = copy(ENV)
    env["SCNATIVE_LIB"] = ScNative.library_path()
    command = setenv(`$(Base.julia_cmd()) -i -q --color=no --startup-file=no --project=$PACKAGE`, env)
    input = "$PREPARE\nprintln(\"ready\"); try slow(60_000) catch error println(\"stopped by \", error) end\nprintln(6 * 7)\n"
    done = interrupted(command, input)
    @test occursin("InterruptException", done.rest) && occursin("42", done.rest)
    @test done.took < 0.2
end

@testset "a script that does not ends at once" begin
    process = open(pipeline(julia("$PREPARE println(\"ready\"); slow(60_000)"); stderr = devnull), "r")
    readline(process)
    sleep(0.7)
    begun = time()
    kill(process, Base.SIGINT)
    wait(process)
    @test time() - begun < 2 && !success(process)
end
