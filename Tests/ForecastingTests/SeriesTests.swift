import Forecasting
import Foundation
import Testing

@Suite struct SeriesTests {
    @Test(
        "Times are read in the ways of the recorded files",
        arguments: [
            ("2015-01-05 09:31:00", 16_440, 34_260), ("2017-3-3 13:22:0", 17_228, 48_120),
            ("2021-12-31 23:01:00.000000", 18_992, 82_860), ("2015-01-05T09:31:00Z", 16_440, 34_260),
            ("2015-01-05 09:31", 16_440, 34_260), ("2000-02-29", 11_016, 0), ("1420450260", 16_440, 34_260),
            ("1420450260000", 16_440, 34_260), ("0", 0, 0),
        ])
    func times(_ text: String, day: Int, second: Int) {
        #expect(CivilTime(Array(text.utf8)[...]) == CivilTime(day: day, second: second))
    }

    @Test(
        "What is no time is refused",
        arguments: [
            "", "x", "2015-13-01", "2015-02-29", "2015-01-05 24:00", "2015-01-05 09:60", "2015-01-05 09:31:00 ",
            "2015-01-05 09:31:00.", "-5", "2015/01/05", "2015-01-05 9", "12345678901234567",
        ])
    func noTimes(_ text: String) { #expect(CivilTime(Array(text.utf8)[...]) == nil) }

    @Test("A date and its day number are inverse over four hundred years") func dates() {
        for day in stride(from: -30_000, through: 120_000, by: 37) {
            let date = CivilTime.date(day)
            #expect(CivilTime.days(year: date.year, month: date.month, day: date.day) == day)
        }
    }

    @Test("The Shanghai day has 240 bins, 11:30 and 13:01 being neighbours") func shanghai() throws {
        let session = try TradingSession("a-share")
        func bin(_ hour: Int, _ minute: Int) -> Int? {
            session.place(CivilTime(day: 100, second: hour * 3_600 + minute * 60))?.bin
        }
        #expect(session.binsPerDay == 240)
        #expect(bin(9, 31) == 0)
        #expect(bin(11, 30) == 119)
        #expect(bin(13, 1) == 120)
        #expect(bin(15, 0) == 239)
        #expect(bin(13, 0) == 119, "a source that stamps the last morning minute 13:00")
        #expect(bin(9, 30) == nil && bin(12, 0) == nil && bin(15, 1) == nil)
        #expect(session.start(ofBin: 120) == 13 * 3_600)
        #expect(session.edges(ofBin: 119) == (119, 0) && session.edges(ofBin: 120) == (0, 119))
    }

    @Test("Round the clock, midnight belongs to the day its stamp says") func clock() throws {
        let start = try TradingSession("24x7", stamp: .start)
        let end = try TradingSession("24x7", stamp: .end)
        let midnight = CivilTime(day: 10, second: 0)
        #expect(start.place(midnight)! == (10, 0))
        #expect(end.place(midnight)! == (9, 1_439))
        #expect(start.daysPerWeek == 7 && start.isContinuous)
    }

    @Test(
        "Sessions that make no sense are refused",
        arguments: ["", "lunch", "09:30", "15:00-09:00", "09:00-10:00,09:30-11:00", "09:00-25:00", "09:00-09:01,x"])
    func badSessions(_ text: String) {
        #expect(fault { _ = try TradingSession(text) }?.code == .configuration)
    }

    @Test("An interval must divide the segments and leave 2 to 8,640 bins") func intervals() throws {
        #expect(fault { _ = try TradingSession("us", intervalSeconds: 3_600) }?.code == .configuration)
        #expect(fault { _ = try TradingSession("24x7", intervalSeconds: 9) }?.code == .configuration)
        #expect(try TradingSession("24x7", intervalSeconds: 10).binsPerDay == 8_640)
        #expect(fault { _ = try TradingSession("24x7", intervalSeconds: 86_400) }?.code == .configuration)
        #expect(try TradingSession("24x7", intervalSeconds: 43_200).binsPerDay == 2)
    }

    private func read(_ text: String, shareMin: Double = 0.5) throws -> LoadSeries {
        var reader = SeriesReader(timeColumn: "time", valueColumn: "load", session: try SyntheticLoad.session())
        reader.dayShareMin = shareMin
        return try reader.read(Array(text.utf8), name: "file.csv")
    }

    @Test("What is written as text is read back, with any line end") func roundTrip() throws {
        let series = try SyntheticLoad.series(days: 7, seed: 1)
        let text = SyntheticLoad.csv(series)
        #expect(try read(text) == series)
        #expect(try read(text.replacingOccurrences(of: "\n", with: "\r\n")) == series)
        #expect(try read(String(text.dropLast())) == series, "no newline at the end")
        #expect(try read(text + "\n") == series, "an empty last line")
    }

    @Test("Missing rows carry the value before, days with few rows are left out, and both are counted")
    func repairs() throws {
        let series = try SyntheticLoad.series(days: 6, seed: 2)
        // Day 1 lacks its first bin and bin 5; day 3 has 19 of 40 bins.
        let text = SyntheticLoad.csv(series) { index in
            index != 40 && index != 45 && !(index >= 120 + 19 && index < 160)
        }
        let repaired = try read(text)
        #expect(repaired.days.count == 5)
        #expect(repaired.repairs.daysDropped == [series.days[3]])
        #expect(repaired.repairs.binsFilled == 2)
        #expect(repaired.values[40] == series.values[41])
        #expect(repaired.values[45] == series.values[44])
        #expect(Array(repaired.values[120...]) == Array(series.values[160...]))
    }

    @Test("A day is kept at the least share of rows and left out one row below it") func dayShare() throws {
        let series = try SyntheticLoad.series(days: 2, seed: 3)
        #expect(try read(SyntheticLoad.csv(series) { $0 < 60 }, shareMin: 0.5).days.count == 2)
        #expect(try read(SyntheticLoad.csv(series) { $0 < 59 }, shareMin: 0.5).days.count == 1)
    }

    @Test(
        "Each fault of a row is an error that names the line",
        arguments: [
            ("2024-01-01 10:01:00,1\n2024-01-01 10:01:00,2", ForecastError.Code.duplicate, "line 3"),
            ("2024-01-01 10:01:30,1\n2024-01-01 10:01:50,2", .duplicate, "line 3"),
            ("2024-01-01 10:02:00,1\n2024-01-01 10:01:00,2", .unordered, "line 3"),
            ("2024-01-01 10:01:00,nan", .notFinite, "line 2"), ("2024-01-01 10:01:00,inf", .notFinite, "line 2"),
            ("2024-01-01 10:01:00,-1", .negative, "line 2"), ("2024-01-01 10:01:00,", .malformed, "line 2"),
            ("2024-01-01 10:01:00,x", .malformed, "'x'"), ("2024-01-01 10:01:00", .malformed, "1 fields"),
            ("yesterday,1", .malformed, "'yesterday'"), ("2024-01-01 03:00:00,1", .tooFewDays, "1 rows outside"),
        ])
    func badRows(_ rows: String, code: ForecastError.Code, part: String) throws {
        let fault = try #require(fault { _ = try read("time,load\n" + rows + "\n") })
        #expect(fault.code == code)
        #expect(fault.message.contains(part), "\(fault.message)")
    }

    @Test("Absent and doubled columns, an empty file and a constant series are errors") func badFiles() throws {
        #expect(fault { _ = try read("") }?.code == .malformed)
        #expect(fault { _ = try read("time,volume\n") }?.code == .column)
        #expect(fault { _ = try read("time,load,load\n") }?.code == .column)
        #expect(fault { _ = try read("time,load\n") }?.code == .tooFewDays)
        let series = try SyntheticLoad.series(days: 2, seed: 4)
        let flat = SyntheticLoad.csv(series).split(separator: "\n").enumerated().map { number, line in
            number == 0 ? String(line) : line.split(separator: ",")[0] + ",5"
        }
        #expect(fault { _ = try read(flat.joined(separator: "\n")) }?.code == .constant)
    }

    @Test("Files that follow each other give one series, and out of turn an error") func files() throws {
        let series = try SyntheticLoad.series(days: 4, seed: 5)
        let parts = [0..<80, 80..<160].map { range in
            (Array(SyntheticLoad.csv(series) { range.contains($0) }.utf8), "part")
        }
        let reader = SeriesReader(timeColumn: "time", valueColumn: "load", session: try SyntheticLoad.session())
        #expect(try reader.read(parts) == series)
        #expect(fault { _ = try reader.read(parts.reversed()) }?.code == .unordered)
    }

    @Test("Empty market cells carry the last value") func indicators() throws {
        let series = try SyntheticLoad.series(days: 2, seed: 6)
        let rows = SyntheticLoad.csv(series).split(separator: "\n").enumerated().map { number, line in
            number == 0 ? "\(line),price" : "\(line),\(number % 3 == 1 ? "\(number)" : "")"
        }
        var reader = SeriesReader(timeColumn: "time", valueColumn: "load", session: series.session)
        reader.indicatorColumns = [.close: "price"]
        let close = try #require(try reader.read(Array(rows.joined(separator: "\n").utf8)).indicators[.close])
        #expect(close[0] == 1 && close[1] == 1 && close[2] == 1 && close[3] == 4)
    }
}
