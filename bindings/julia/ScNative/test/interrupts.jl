# Ctrl-C: a child process computes, and is sent SIGINT.

# What Julia compiles at the first cancellation is compiled by one that comes from a progress function.
const PREPARE = """
using ScNative; $SLOW; slow(50); print("");
ScNative.settings.progress = _ -> throw(InterruptException()); try slow(20_000) catch error print("cancelled by ", typeof(error), " ") end;
ScNative.settings.progress = :auto; GC.gc();
"""

"A child process that runs this code as a program."
function program(code)
    path = joinpath(mktempdir(), "program.jl")
    write(path, code)
    return setenv(`$(Base.julia_cmd()) --startup-file=no --project=$PACKAGE $path`, with_library())
end

"Starts a child, waits for it to say \"ready\", sends SIGINT into its long call, and hands over the child and the time of that."
function interrupt(command, input = "")
    process = open(command, "r+")
    write(process, input)
    flush(process)
    while !occursin("ready", readline(process))
        eof(process) && error("the child ended before its call")
    end
    sleep(0.7)
    begun = time()
    kill(process, Base.SIGINT)
    return process, begun
end

"The seconds until a child that was interrupted says \"stopped\", and what it says then; it reads no more."
function heard(process, begun)
    readuntil(process, "stopped")
    took = time() - begun
    close(process.in)
    rest = read(process, String)
    wait(process)
    return took, rest
end

"The least time of three: on a busy machine a child may have to wait for its turn to say anything."
function stopping(command, expected, input = "")
    least = Inf
    for _ in 1:3
        took, rest = heard(interrupt(command, input)...)
        @test occursin(expected, rest)
        least = min(least, took)
        least < 0.2 && break
    end
    return least
end

@testset "a program that catches InterruptException" begin
    code = """
    $PREPARE
    Base.exit_on_sigint(false)
    println("ready")
    try
        slow(60_000)
    catch error
        print("stopped")
        println(" by ", typeof(error))
    end
    print(slow(50) isa NamedTuple) # and the next call is itself again
    """
    @test stopping(program(code), " by InterruptException\ntrue") < 0.2
end

@testset "an interactive session" begin
    command = setenv(`$(Base.julia_cmd()) -i -q --color=no --startup-file=no --project=$PACKAGE`, with_library())
    call = "try slow(60_000) catch error println(\"stopped by \", typeof(error)) end"
    @test stopping(command, r"InterruptException\n(.*\n)*42", "$PREPARE\nprintln(\"ready\"); $call\nprintln(6 * 7)\n") < 0.2
end

@testset "a program that does not catch it ends" begin
    process, begun = interrupt(pipeline(program("$PREPARE println(\"ready\"); slow(60_000)"); stderr = devnull))
    wait(process)
    @test time() - begun < 2
    @test !success(process)
end
