"""Where people spend: shops with their prices, in the words that banks print."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from counterfoil.money import from_minor
from counterfoil.sandbox.world.ledger import Category

SALARY: Final = Category("INCOME", "INCOME_SALARY", "INCOME", "INCOME_WAGES")
INTEREST: Final = Category("INCOME", "INCOME_INTEREST_EARNED")
SALES: Final = Category("INCOME", "INCOME_OTHER", "INCOME", "INCOME_OTHER_INCOME")
RENT: Final = Category("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_RENT")
POWER: Final = Category("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_GAS_AND_ELECTRICITY")
NET: Final = Category("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_INTERNET_AND_CABLE")
PHONE: Final = Category("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_TELEPHONE")
INSURANCE: Final = Category("GENERAL_SERVICES", "GENERAL_SERVICES_INSURANCE")
SOFTWARE: Final = Category("GENERAL_SERVICES", "GENERAL_SERVICES_OTHER_GENERAL_SERVICES")
SHIPPING: Final = Category("GENERAL_SERVICES", "GENERAL_SERVICES_POSTAGE_AND_SHIPPING")
TAX: Final = Category("GOVERNMENT_AND_NON_PROFIT", "GOVERNMENT_AND_NON_PROFIT_TAX_PAYMENT")
PAYROLL: Final = Category("TRANSFER_OUT", "TRANSFER_OUT_OTHER_TRANSFER_OUT")
TO_SAVINGS: Final = Category("TRANSFER_OUT", "TRANSFER_OUT_SAVINGS")
FROM_ACCOUNT: Final = Category("TRANSFER_IN", "TRANSFER_IN_ACCOUNT_TRANSFER")
TO_ACCOUNT: Final = Category("TRANSFER_OUT", "TRANSFER_OUT_ACCOUNT_TRANSFER")
CARD_PAYMENT: Final = Category("LOAN_PAYMENTS", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT")
STUDENT_LOAN: Final = Category("LOAN_PAYMENTS", "LOAN_PAYMENTS_STUDENT_LOAN_PAYMENT")
MORTGAGE: Final = Category("LOAN_PAYMENTS", "LOAN_PAYMENTS_MORTGAGE_PAYMENT")
FEE: Final = Category("BANK_FEES", "BANK_FEES_FOREIGN_TRANSACTION_FEES")
STREAMING: Final = Category("ENTERTAINMENT", "ENTERTAINMENT_TV_AND_MOVIES")
CHILDCARE: Final = Category("GENERAL_SERVICES", "GENERAL_SERVICES_CHILDCARE")
GYM: Final = Category("PERSONAL_CARE", "PERSONAL_CARE_GYMS_AND_FITNESS_CENTERS")
CRYPTO: Final = Category(
    "TRANSFER_OUT", "TRANSFER_OUT_CRYPTO", "TRANSFER_OUT", "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS"
)

_groceries: Final = Category("FOOD_AND_DRINK", "FOOD_AND_DRINK_GROCERIES")
_restaurant: Final = Category("FOOD_AND_DRINK", "FOOD_AND_DRINK_RESTAURANT")
_coffee: Final = Category("FOOD_AND_DRINK", "FOOD_AND_DRINK_COFFEE")
_fuel: Final = Category("TRANSPORTATION", "TRANSPORTATION_GAS")
_transit: Final = Category("TRANSPORTATION", "TRANSPORTATION_PUBLIC_TRANSIT")
_taxi: Final = Category("TRANSPORTATION", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES")
_pharmacy: Final = Category("MEDICAL", "MEDICAL_PHARMACIES_AND_SUPPLEMENTS")
_books: Final = Category("GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_BOOKSTORES_AND_NEWSSTANDS")
_online: Final = Category("GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES")
_clothes: Final = Category("GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_CLOTHING_AND_ACCESSORIES")
_hardware: Final = Category("HOME_IMPROVEMENT", "HOME_IMPROVEMENT_HARDWARE")
_hotel: Final = Category("TRAVEL", "TRAVEL_LODGING")
_museum: Final = Category("ENTERTAINMENT", "ENTERTAINMENT_OTHER_ENTERTAINMENT")
_supplies: Final = Category("GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_OFFICE_SUPPLIES")


@dataclass(frozen=True, slots=True)
class Shop:
    """A place to spend: its price range in cents, and whether a tip is added when the payment posts."""

    name: str
    text: str
    low: int
    high: int
    category: Category | None
    channel: str = "in store"
    tips: bool = False
    website: str | None = None

    def price(self, dice: Random) -> Decimal:
        """Give the price of one visit."""
        return from_minor(dice.randint(self.low, self.high), 2)


EVERYDAY: Final = (
    Shop("Corner Basket", "CORNER BASKET #0412 PORTLAND OR", 890, 9650, _groceries),
    Shop("Green Fork Market", "SQ *GREEN FORK MARKET", 1240, 14800, _groceries, website="greenfork.example"),
    Shop("Third Wave Coffee", "TST* THIRD WAVE COFFEE", 375, 1425, _coffee, tips=True),
    Shop("Noodle House", "NOODLE HOUSE 22 PORTLAND", 1450, 6400, _restaurant, tips=True),
    Shop("Trattoria Da Gigi", "TRATTORIA DA GIGI", 3200, 14900, _restaurant, tips=True),
    Shop("Northwest Fuel", "NW FUEL 0077 PAY AT PUMP", 2200, 7900, _fuel),
    Shop("City Transit", "CITY TRANSIT TAP 8831", 280, 560, _transit),
    Shop("Hopride", "HOPRIDE *TRIP HELP.HOPRIDE", 780, 4200, _taxi, "online", tips=True, website="hopride.example"),
    Shop("Wellspring Pharmacy", "WELLSPRING RX 5521", 499, 8600, _pharmacy),
    Shop("Paper & Ink Books", "PAPER &amp; INK BOOKS", 899, 5400, _books),  # some banks print the entity
    Shop("Bazaarly", "BZRLY MKTP US*2K81X", 599, 21900, _online, "online", website="bazaarly.example"),
    Shop("Loom & Thread", "LOOM AND THREAD 0031", 1900, 18900, _clothes),
    Shop("Hammer Home Center", "HAMMER HOME CTR #118", 750, 32000, _hardware),
    Shop("=SUM Café", "=SUM CAFE “ünïcödé” 50%", 450, 1950, _coffee),  # text that a spreadsheet must not run
    Shop("Farmers Market", "FARMERS MARKET STALL 7", 600, 4800, None),  # no category known
)
ABROAD: Final = (
    Shop("Boulangerie Saint-Marc", "BOULANGERIE ST MARC PARIS FR", 350, 1900, _groceries),
    Shop("Hôtel des Arènes", "HOTEL DES ARENES NIMES FR", 9800, 24500, _hotel),
    Shop("Museo del Mar", "MUSEO DEL MAR VALENCIA ES", 900, 3600, _museum),
    Shop("Osteria Lagunare", "OSTERIA LAGUNARE VENEZIA IT", 2400, 9900, _restaurant, tips=True),
)
SUPPLIERS: Final = (
    Shop("Highland Green Coffee", "HIGHLAND GREEN COFFEE IMPORTS", 18000, 62000, _groceries, "online"),
    Shop("Boxwright", "BOXWRIGHT PACKAGING", 8900, 46000, _supplies, "online", website="boxwright.example"),
    Shop("Parcel Dash", "PARCELDASH *LABELS", 1250, 18500, SHIPPING, "online", website="parceldash.example"),
    Shop("Cloudshelf", "CLOUDSHELF.EXAMPLE SUBSCR", 2900, 2900, SOFTWARE, "online", website="cloudshelf.example"),
    Shop("Office Pantry", "OFFICE PANTRY 00219", 1100, 15900, _supplies),
    Shop("Roaster Parts Co", "ROASTER PARTS CO", 3300, 61000, _hardware, "online"),
)
