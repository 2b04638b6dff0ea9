using System.Runtime.InteropServices;
using Holdfast.Admission;

namespace Holdfast.Maintenance.Rehearsing;

/// <summary>One world, from the moment the service is back.</summary>
internal sealed class Simulation
{
    private const int StopAfterDays = 6;
    private const double CollapseLength = 1800;
    private const int GreedyInterval = 10;
    private const double BackOffMax = 1800;

    private readonly FleetShape _shape;
    private readonly Population _population;
    private readonly Controller _controller;
    private readonly FluidServer _server;
    private readonly Random _random;

    // Who calls in which second: a list for each, linked through the clients.
    private readonly int[] _firstOf;
    private readonly int[] _nextOf;
    private readonly double[] _left;
    private readonly double[] _caughtUp;
    private readonly int[] _weight;
    private readonly byte[] _refusals;
    private readonly List<int> _callers = [];
    private readonly List<int> _active = [];
    private readonly List<int> _starts = [];

    private Simulation(FleetShape shape, int seed, Func<FleetShape, Population, Controller> controller)
    {
        (_shape, _random) = (shape, new Random(seed));
        _population = new Population(shape, new Random(seed + 1_000_003));
        _controller = controller(shape, _population);
        _server = new FluidServer(shape, new Random(seed + 2_000_003));
        _firstOf = new int[(StopAfterDays + shape.DaysAfter + 2) * 86_400];
        Array.Fill(_firstOf, -1);
        _nextOf = new int[shape.Clients];
        (_left, _caughtUp, _weight, _refusals) = ([.. _population.Backlog], new double[shape.Clients], new int[shape.Clients], new byte[shape.Clients]);
        Array.Fill(_caughtUp, double.PositiveInfinity);
    }

    public static Outcome Run(FleetShape shape, int seed, Func<FleetShape, Population, Controller> controller) => new Simulation(shape, seed, controller).Run();

    private Outcome Run()
    {
        var work = 0.0;
        var waiting = 0;
        for (var client = 0; client < _shape.Clients; client++)
        {
            if (!_population.IsAbsent[client])
            {
                (work, waiting) = (work + _left[client], waiting + 1);
                Call(client, _population.FirstCall[client]);
            }
        }

        if (_shape.LossAt <= 1)
        {
            _server.LossAt = LeastTime(work) * _shape.LossAt;
        }

        var least = LeastTime(work);
        var (behind, badSince, hasCollapsed) = (waiting, 0.0, false);
        var restores = new List<double>();
        var ended = new List<int>();
        var caughtUpAt = double.PositiveInfinity;
        var stop = Math.Min(StopAfterDays * 86_400, (4 * least) + 86_400);
        for (var now = 0; now < stop; now++)
        {
            var refused = AnswerCalls(now, ref waiting);
            ended.Clear();
            _server.Run(now, _controller.PieceLimit, _controller.HeavyWeight, refused, ended);
            foreach (var client in ended)
            {
                _controller.End(client, now);
                if (double.IsPositiveInfinity(_caughtUp[client]))
                {
                    _caughtUp[client] = now + 1;
                    behind--;
                }

                _left[client] = 0;
                if (_shape.DaysAfter > 0)
                {
                    CallNext(client, now);
                }
            }

            if (_server.IsDrowned)
            {
                waiting += GiveUp(now);
            }

            _controller.Tick(now, _server);
            if (double.IsPositiveInfinity(caughtUpAt))
            {
                restores.Add(_server.RestoreTime(_controller.RestoresFirst));

                // Work that is there, and is not done at half of what could be.
                badSince = waiting > 0 && _server.Goodput < _server.Capacity / 2 ? badSince : now;
                hasCollapsed |= now - badSince >= CollapseLength;
                if (behind == 0)
                {
                    caughtUpAt = now + 1;
                    stop = caughtUpAt + (_shape.DaysAfter * 86_400);
                }
                else if (hasCollapsed && now > least * 2 && double.IsPositiveInfinity(_controller.PieceLimit) && now - badSince > 86_400)
                {
                    break;
                }
            }
        }

        return Outcome.Of(_shape, _population, _caughtUp, least, restores, hasCollapsed, _starts, caughtUpAt);
    }

    private int AnswerCalls(int now, ref int waiting)
    {
        var refused = 0;
        _callers.Clear();
        for (var client = _firstOf[now]; client >= 0; client = _nextOf[client])
        {
            _callers.Add(client);
        }

        // Inside a second nobody knows who is first.
        _random.Shuffle(CollectionsMarshal.AsSpan(_callers));
        foreach (var client in _callers)
        {
            var isGreedy = _population.IsGreedy[client] && double.IsPositiveInfinity(_caughtUp[client]);
            if (_controller.Ask(client, now, isGreedy) is { } again)
            {
                refused++;
                Call(client, isGreedy ? now + GreedyInterval : again >= 0 ? (int)Math.Ceiling(again) + _random.Next(2) : now + BackOff(client));
            }
            else
            {
                if (double.IsPositiveInfinity(_caughtUp[client]))
                {
                    waiting--;
                }
                else
                {
                    _starts.Add(now);
                }

                (_weight[client], _refusals[client]) = (_controller.WeightOf(client), 0);
                _server.Begin(client, _population.Line[client], _weight[client], _left[client]);
                if (double.IsPositiveInfinity(_controller.PieceLimit))
                {
                    _active.Add(client);
                }
            }
        }

        return refused;
    }

    /// <summary>One in sixty of those whose pieces are sent in vain loses patience each second.</summary>
    private int GiveUp(int now)
    {
        var gone = 0;
        for (var i = _active.Count - 1; i >= 0; i--)
        {
            if (_random.Next(60) == 0)
            {
                var client = _active[i];
                _active[i] = _active[^1];
                _active.RemoveAt(_active.Count - 1);
                if (_left[client] > 0)
                {
                    _left[client] = Math.Max(0.001, _server.Leave(client, _population.Line[client], _weight[client]));
                    gone += double.IsPositiveInfinity(_caughtUp[client]) ? 1 : 0;
                    Call(client, now + BackOff(client));
                }
            }
        }

        return gone;
    }

    private int BackOff(int client)
    {
        var wait = Math.Min(BackOffMax, 10.0 * (1 << Math.Min((int)_refusals[client], 10)));
        _refusals[client] = (byte)Math.Min(_refusals[client] + 1, 20);
        return 1 + (int)(wait * (0.5 + _random.NextDouble()));
    }

    private void CallNext(int client, int now)
    {
        var hours = _controller.DrawsNext ? (NextBackup.After(Population.Start, _random.NextDouble()) - Population.Start).TotalHours : 24;
        _left[client] = _population.Backlog[client] * hours / (_shape.Outage / 3600) * (0.5 + _random.NextDouble());
        Call(client, now + (int)(hours * 3600));
    }

    private void Call(int client, int second)
    {
        if (second < _firstOf.Length)
        {
            (_nextOf[client], _firstOf[second]) = (_firstOf[second], client);
        }
    }

    /// <summary>In which what could be done is as much as the work: nothing can be faster.</summary>
    private double LeastTime(double work)
    {
        var now = 0;
        for (; work > 0; now++)
        {
            work -= _server.CapacityAt(now);
        }

        return now;
    }
}
