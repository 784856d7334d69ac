%% SPDX-License-Identifier: MIT
%% Erlang/OTP: processes. The same four as in actor_caf.cc; mailboxes are unbounded, there are no
%% others, so that in count the two agree on how many may be under way, and in spawn so many are
%% made at a time.
%%   erl +S 1:1 -noinput -pa DIR -run actors_erlang main WORKLOAD MESSAGES FILE
-module(actors_erlang).
-export([main/1]).
-define(WINDOW, 1000). % as in actor_model.c
-define(BROOD, 1000). % likewise

main([Work, MessagesText, File]) ->
    Messages = list_to_integer(MessagesText),
    Run = prepare(Work, self()),
    Began = erlang:monotonic_time(nanosecond),
    Run(Messages),
    Right = receive {done, Value} -> Value end,
    Seconds = (erlang:monotonic_time(nanosecond) - Began) / 1.0e9,
    case Right of
        true ->
            Text = io_lib:format(
                "{\"version\": \"OTP ~s\", \"messages\": ~b, \"messages_hz\": ~.1f}~n",
                [erlang:system_info(otp_release), Messages, Messages / Seconds]),
            ok = file:write_file(File, Text),
            erlang:halt(0);
        false ->
            io:format(standard_error, "actors_erlang: ~s: the sum is wrong~n", [Work]),
            erlang:halt(1)
    end.

prepare("pingpong", Observer) ->
    [Ping, Pong] = [spawn(fun() -> receive {partner, Partner} -> play(Observer, Partner) end end)
                    || _ <- [ping, pong]],
    Ping ! {partner, Pong},
    Pong ! {partner, Ping},
    fun(Messages) ->
        Pong ! Messages - 1
    end;
prepare("count", Observer) ->
    fun(Messages) ->
        Counter = spawn(fun() ->
            receive {from, Sender} -> count(Observer, Sender, Messages, 0, 0, ?WINDOW) end
        end),
        spawn(fun() -> Counter ! {from, self()}, send(Counter, 0, Messages, ?WINDOW) end)
    end;
prepare("ring", Observer) ->
    Links = [spawn(fun() -> receive {next, Next} -> link_of_ring(Observer, Next) end end)
             || _ <- lists:seq(1, 100)],
    lists:foreach(fun({Link, Next}) -> Link ! {next, Next} end,
                  lists:zip(Links, tl(Links) ++ [hd(Links)])),
    fun(Messages) -> hd(Links) ! Messages - 1 end;
prepare("spawn", Observer) ->
    fun(Messages) -> spawn(fun() -> parent(Observer, Messages) end) end.

%% Knows its partner, so that a message is a number: one with its sender in it has to be made anew.
play(Observer, Partner) ->
    receive
        0 -> Observer ! {done, true};
        Left -> Partner ! Left - 1, play(Observer, Partner)
    end.

count(Observer, _, Messages, Messages, Sum, _) ->
    Observer ! {done, Sum =:= Messages * (Messages - 1) div 2};
count(Observer, Sender, Messages, Count, Sum, 0) ->
    Sender ! go,
    count(Observer, Sender, Messages, Count, Sum, ?WINDOW);
count(Observer, Sender, Messages, Count, Sum, Left) ->
    receive Number -> count(Observer, Sender, Messages, Count + 1, Sum + Number, Left - 1) end.

send(_, Messages, Messages, _) -> ok;
send(To, Number, Messages, 0) ->
    receive go -> send(To, Number, Messages, ?WINDOW) end;
send(To, Number, Messages, Left) ->
    To ! Number,
    send(To, Number + 1, Messages, Left - 1).

link_of_ring(Observer, Next) ->
    receive
        0 -> Observer ! {done, true}, link_of_ring(Observer, Next);
        Left -> Next ! Left - 1, link_of_ring(Observer, Next)
    end.

parent(Observer, Messages) ->
    Sum = breed(self(), 0, Messages, 0),
    Observer ! {done, Sum =:= Messages * (Messages + 1) div 2}.

breed(_, Messages, Messages, Sum) -> Sum;
breed(Self, From, Messages, Sum) ->
    Next = min(From + ?BROOD, Messages),
    make(Self, From, Next),
    breed(Self, Next, Messages, gather(Next - From, Sum)).

make(_, Messages, Messages) -> ok;
make(Self, Number, Messages) ->
    Child = spawn(fun() -> receive Given -> Self ! Given + 1 end end),
    Child ! Number,
    make(Self, Number + 1, Messages).

gather(0, Sum) -> Sum;
gather(Left, Sum) -> receive Number -> gather(Left - 1, Sum + Number) end.
